namespace Backtrace.Gpu.Models.Training;

/// <summary>Which network to train on texts.</summary>
public enum TextNetwork
{
    /// <summary>An <see cref="LstmClassifier"/>.</summary>
    Lstm,

    /// <summary>A <see cref="Models.Bert"/>.</summary>
    Bert,
}
