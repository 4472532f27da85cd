namespace Backtrace.Gpu.Baselines;

/// <summary>Settings of <see cref="LimeExplainer"/>; what is null takes the default of the kind of input.</summary>
public sealed record LimeOptions : CoalitionOptions
{
    /// <summary>Perturbed inputs per sample, the sample itself being the first (lime: num_samples).</summary>
    public int? Samples
    {
        get;
        init
        {
            if (value is int samples)
                ArgumentOutOfRangeException.ThrowIfLessThan(samples, 2, nameof(Samples));
            field = value;
        }
    }

    /// <summary>Width w of the kernel sqrt(exp(-d² / w²)) that weights them by their distance d.</summary>
    public double? KernelWidth
    {
        get;
        init
        {
            if (value is double width)
                ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width, nameof(KernelWidth));
            field = value;
        }
    }

    /// <summary>Penalty of the ridge regression (lime: alpha of its model_regressor, 1).</summary>
    public double Ridge { get; init; } = 1;

    /// <summary>
    /// How many features get a weight, chosen as by lime's feature_selection "auto": up to 6 one after the other by the best fit, more by the largest weight in a
    /// regression of all. Null takes all (lime's "none"), because comparisons rank all; lime's own default is 10, for images all.
    /// </summary>
    public int? NumFeatures
    {
        get;
        init
        {
            if (value is int features)
                ArgumentOutOfRangeException.ThrowIfLessThan(features, 1, nameof(NumFeatures));
            field = value;
        }
    }

    /// <summary>Images: whether a hidden superpixel shows its mean colour (lime's default, hide_color None) or <see cref="Baselines.Samples.Absent"/>.</summary>
    public bool HideByMean { get; init; } = true;

    /// <summary>Seed of the perturbations; the same draws for every sample, so that one is explained alike whichever others are explained with it.</summary>
    public int Seed { get; init; } = 1;
}
