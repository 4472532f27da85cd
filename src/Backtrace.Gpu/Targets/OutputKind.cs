namespace Backtrace.Gpu.Targets;

/// <summary>What the numbers of a model's output are. Contrastive mode starts from probabilities.</summary>
public enum OutputKind
{
    /// <summary>Logits: classes go through the softmax, independent decisions through the sigmoid.</summary>
    Logits,

    /// <summary>Probabilities already.</summary>
    Probabilities,
}
