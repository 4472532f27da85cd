namespace Backtrace.Gpu.Models;

/// <summary>What the outputs of a network are.</summary>
public enum OutputMeaning
{
    /// <summary>Logits of classes of which one holds; a single one is that of its class.</summary>
    Logits,

    /// <summary>Probabilities, which the network's last layer makes.</summary>
    Probabilities,

    /// <summary>Logits of classes that may hold at once.</summary>
    Labels,

    /// <summary>Values of their own, such as prices.</summary>
    Values,
}
