namespace Backtrace.Gpu.Baselines;

/// <summary>At which points of the way from baseline to input gradients are taken, and how they are weighted.</summary>
public enum IntegrationMethod
{
    /// <summary>Gauss-Legendre quadrature: exact for polynomials up to degree 2 steps - 1. Captum's default.</summary>
    GaussLegendre,

    /// <summary>The end of each of the steps, as in the paper.</summary>
    RiemannRight,

    /// <summary>The beginning of each step.</summary>
    RiemannLeft,

    /// <summary>The middle of each step.</summary>
    RiemannMiddle,

    /// <summary>
    /// Both ends of the way and evenly spaced points between them, the ends with half the weight. Weights sum to 1; Captum's of the same name sum to
    /// (n - 1) / n.
    /// </summary>
    RiemannTrapezoid,
}
