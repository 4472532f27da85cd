using static TorchSharp.torch;

namespace Backtrace.Gpu.Models.Training;

/// <summary>What the training of a text classifier may vary.</summary>
public sealed record TextTrainingOptions : TrainingOptions
{
    /// <summary>Values that suit a network.</summary>
    public TextTrainingOptions(TextNetwork network)
    {
        bool isBert = network == TextNetwork.Bert;
        Network = network;
        Epochs = isBert ? 3 : 4;
        BatchSize = isBert ? 32 : 64;
        LearningRate = isBert ? 1e-4 : 2e-3;
        WeightDecay = 0.01;
        Dropout = isBert ? 0.1 : 0.6;
        MinimumOccurrences = isBert ? 0 : 8;
    }

    /// <summary>Which network.</summary>
    public TextNetwork Network { get; }

    /// <summary>Width of an LSTM's state, per direction.</summary>
    public int Hidden { get; init; } = 48;

    /// <summary>Tokens that are rarer in the training texts lose their place in the vocabulary; words are then spelled with what is left. 0 keeps all.</summary>
    public int MinimumOccurrences { get; init; }

    /// <summary>Type that weights are rounded to before they are measured and saved.</summary>
    public ScalarType Precision { get; init; } = ScalarType.Float32;
}
