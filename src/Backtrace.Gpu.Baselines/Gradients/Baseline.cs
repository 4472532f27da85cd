namespace Backtrace.Gpu.Baselines;

/// <summary>Where the way to an input begins, for methods that compare the two.</summary>
public enum Baseline
{
    /// <summary>Zeros; for token models, vectors of zeros. Captum's default.</summary>
    Zero,

    /// <summary>The input with all features taken away: <see cref="Samples.Absent"/> in their place. Entries that belong to no feature stay and get 0.</summary>
    Absent,
}
