namespace Backtrace.Gpu.Evaluation;

/// <summary>Which layers are random when an explanation is compared.</summary>
public enum LayerOrder
{
    /// <summary>The last registered layer, then the one before too, to the first.</summary>
    TopDown,

    /// <summary>The first registered layer, then the next too, to the last.</summary>
    BottomUp,

    /// <summary>One layer at a time, from the last to the first.</summary>
    Independent,
}
