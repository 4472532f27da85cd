namespace Backtrace.Gpu.Baselines;

/// <summary>Settings of <see cref="PermutationShapleyExplainer"/>; defaults of shap's PermutationExplainer.</summary>
public sealed record PermutationShapleyOptions : ShapleyOptions
{
    /// <summary>Most coalitions per sample (shap: max_evals), from which the number of permutations follows: one for each 2 M + 1.</summary>
    public int Evaluations { get; init; } = 500;

    /// <summary>Number of permutations; null: from <see cref="Evaluations"/>.</summary>
    public int? Permutations
    {
        get;
        init
        {
            if (value is int permutations)
                ArgumentOutOfRangeException.ThrowIfLessThan(permutations, 1, nameof(Permutations));
            field = value;
        }
    }

    /// <summary>
    /// Whether each permutation is also walked backwards, which makes models with interactions of two features exact. Captum's ShapleyValueSampling is
    /// <c>Antithetic = false</c> with 25 <see cref="Permutations"/> (n_samples).
    /// </summary>
    public bool Antithetic { get; init; } = true;

    /// <summary>Seed of the drawn orders; the same draws for every sample, so that one is explained alike whichever others are explained with it.</summary>
    public int Seed { get; init; } = 1;
}
