namespace Backtrace.Gpu.Models.Training;

/// <summary>What the training of a tabular MLP may vary.</summary>
public sealed record TabularTrainingOptions : TrainingOptions
{
    /// <summary>The values that the loan model was trained with.</summary>
    public TabularTrainingOptions()
    {
        Epochs = 30;
        BatchSize = 256;
        LearningRate = 3e-4;
        WeightDecay = 0.05;
        Dropout = 0.3;
    }

    /// <summary>Widths of the hidden layers; three of them make the four-layer network.</summary>
    public IReadOnlyList<int> Hidden { get; init; } = [128, 64, 32];

    /// <summary>
    /// Fewest steps of a pass. A table with fewer batches takes smaller ones, of eight rows at least: thirty passes of one step each would leave a network as
    /// it was drawn.
    /// </summary>
    public int MinimumSteps { get; init; } = 25;

    /// <summary>Columns whose numbers are names, such as post codes: they are taken as words.</summary>
    public IReadOnlyList<string> Words { get; init; } = [];
}
