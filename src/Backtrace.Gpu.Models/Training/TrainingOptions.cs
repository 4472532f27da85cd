namespace Backtrace.Gpu.Models.Training;

/// <summary>What every training run may vary.</summary>
public abstract record TrainingOptions
{
    /// <summary>Passes over the training rows.</summary>
    public int Epochs { get; init; }

    /// <summary>Seed of the initial weights, dropout, the order of the batches and, where rows are split, of the split.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Rows per step.</summary>
    public int BatchSize { get; init; }

    /// <summary>First step size of AdamW; falls to 0 along a cosine.</summary>
    public double LearningRate { get; init; }

    /// <summary>Decay of the weights per step, times the step size.</summary>
    public double WeightDecay { get; init; }

    /// <summary>Probability of dropping a value while training.</summary>
    public double Dropout { get; init; }
}
