namespace Backtrace.Gpu.Evaluation;

/// <summary>How a model is made random.</summary>
public sealed record RandomisationOptions
{
    /// <summary>Paths of the layers; null: all modules with parameters of their own, in the order in which they are registered.</summary>
    public IReadOnlyList<string>? Layers { get; init; }

    /// <summary>Which layers are random at each point.</summary>
    public LayerOrder Order { get; init; } = LayerOrder.TopDown;

    /// <summary>Whether absolute values of the attributions are compared.</summary>
    public bool Absolute { get; init; } = true;

    /// <summary>Seed of the random parameters.</summary>
    public int Seed { get; init; } = 42;

    /// <summary>Most inputs that are explained at a time.</summary>
    public int MaximumBatch { get; init; } = 64;
}
