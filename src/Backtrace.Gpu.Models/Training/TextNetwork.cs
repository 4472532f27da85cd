namespace Backtrace.Gpu.Models.Training;

/// <summary>Which network to train on texts.</summary>
public enum TextNetwork
{
    /// <summary>An <see cref="LstmClassifier"/>.</summary>
    Lstm,

    /// <summary>The network that training starts from: a <see cref="Models.Bert"/>, a <see cref="DistilBert"/> or a <see cref="Roberta"/>.</summary>
    Bert,
}
