namespace Backtrace.Gpu.Models;

/// <summary>Sizes of a <see cref="MixtureOfExperts"/>.</summary>
/// <param name="Width">Width of a token.</param>
/// <param name="ExpertWidth">Width inside of an expert.</param>
/// <param name="Experts">Number of experts.</param>
/// <param name="TopK">Number of experts per token.</param>
public sealed record MixtureOfExpertsConfig(int Width, int ExpertWidth, int Experts, int TopK)
{
    /// <summary>Whether the gates of a token's experts are rescaled to a sum of 1.</summary>
    public bool NormaliseGates { get; init; } = true;

    /// <summary>Width inside of the expert that every token passes; 0 for none.</summary>
    public int SharedWidth { get; init; }

    /// <exception cref="ArgumentException">A size is not positive, or there are fewer experts than each token needs.</exception>
    internal void Check()
    {
        if (Width < 1 || ExpertWidth < 1 || Experts < 1 || SharedWidth < 0)
            throw new ArgumentException($"A mixture of experts needs positive sizes: {this}.");
        if (TopK < 1 || TopK > Experts)
            throw new ArgumentException($"Each token shall pass {TopK} of {Experts} experts: at least 1, at most all.");
    }
}
