namespace Backtrace.Gpu.Evaluation;

/// <summary>Which features are changed first. Features of equal attribution keep the order of their numbers.</summary>
public enum FeatureOrder
{
    /// <summary>Those of the largest attribution (MoRF).</summary>
    MostRelevantFirst,

    /// <summary>Those of the smallest attribution (LeRF).</summary>
    LeastRelevantFirst,

    /// <summary>By a random permutation, another for each input. Attributions are not looked at.</summary>
    Random,
}
