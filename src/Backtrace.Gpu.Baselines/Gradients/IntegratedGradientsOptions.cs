namespace Backtrace.Gpu.Baselines;

/// <summary>Options of <see cref="IntegratedGradientsExplainer"/>; defaults of Captum's IntegratedGradients.</summary>
public sealed record IntegratedGradientsOptions
{
    /// <summary>Number of gradients per sample. Captum: n_steps=50.</summary>
    public int Steps { get; init; } = 50;

    /// <summary>Where they are taken. Captum: method="gausslegendre".</summary>
    public IntegrationMethod Method { get; init; } = IntegrationMethod.GaussLegendre;

    /// <summary>Where the way begins. Captum: zeros.</summary>
    public Baseline Baseline { get; init; } = Baseline.Zero;

    /// <summary>Most points in one pass, of one sample or several.</summary>
    public int Batch { get; init; } = 64;
}
