namespace Backtrace.Gpu.Models.Training;

/// <summary>What a training run may vary.</summary>
public sealed record TabularTrainingOptions
{
    /// <summary>Passes over the training rows.</summary>
    public int Epochs { get; init; } = 30;

    /// <summary>Seed of the split, the initial weights, dropout and the order of the batches.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Widths of the hidden layers; three of them make the four-layer network.</summary>
    public IReadOnlyList<int> Hidden { get; init; } = [128, 64, 32];

    /// <summary>Rows per step.</summary>
    public int BatchSize { get; init; } = 256;

    /// <summary>First step size of AdamW; falls to 0 along a cosine.</summary>
    public double LearningRate { get; init; } = 3e-4;

    /// <summary>Decay of the weights per step, times the step size.</summary>
    public double WeightDecay { get; init; } = 0.05;

    /// <summary>Probability of dropping a hidden unit while training.</summary>
    public double Dropout { get; init; } = 0.3;
}
