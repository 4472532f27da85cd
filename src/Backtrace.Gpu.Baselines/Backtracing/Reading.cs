namespace Backtrace.Gpu.Baselines;

/// <summary>Which relevance of an explanation is the attribution.</summary>
public enum Reading
{
    /// <summary>The one relevance of default mode; of contrastive mode, the supporting one.</summary>
    Supporting,

    /// <summary>Contrastive mode: the supporting relevance less the opposing one.</summary>
    Difference,
}
