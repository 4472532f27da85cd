namespace Backtrace.Gpu.Baselines;

/// <summary>What methods share that change inputs and look at the output.</summary>
public abstract record PerturbationOptions
{
    /// <summary>The number that is explained. Probabilities by default, as users of SHAP and LIME do; occlusion and ablation take scores, as Captum's examples do.</summary>
    public ModelOutput Output { get; init; } = ModelOutput.Probability;

    /// <summary>Most perturbed inputs in one forward pass. Changes memory and time, not results.</summary>
    public int MaximumBatch
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1, nameof(MaximumBatch));
            field = value;
        }
    } = 256;
}
