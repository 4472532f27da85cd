using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>Settings of <see cref="CoalitionMeanExplainer"/>.</summary>
public sealed record CoalitionMeanOptions
{
    /// <summary>Number of coalitions per sample, at least 2.</summary>
    public int Coalitions
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 2, nameof(Coalitions));
            field = value;
        }
    } = 16;

    /// <summary>Share of the coalitions that lack a feature, above 0 and below 1; at least one coalition has it, and one lacks it.</summary>
    public double AbsentShare
    {
        get;
        init
        {
            if (!(value is > 0 and < 1))
                throw new ArgumentOutOfRangeException(nameof(AbsentShare), value, "A share of coalitions is above 0 and below 1.");
            field = value;
        }
    } = 0.3;

    /// <summary>As in <see cref="CoalitionOptions.Superpixels"/>.</summary>
    public Func<Tensor, Features>? Superpixels { get; init; }

    /// <summary>Most inputs that are explained at once. Changes memory and time.</summary>
    public int MaximumBatch
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1, nameof(MaximumBatch));
            field = value;
        }
    } = 16;

    /// <summary>Seed of the coalitions; they are the same for every sample of as many features.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Number of coalitions that lack a feature.</summary>
    internal int Absences => Math.Clamp((int)Math.Round(AbsentShare * Coalitions), 1, Coalitions - 1);
}
