namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>
/// The saturation test of a unit (rules.md, B.1): outside its limits the positive or the negative side of the unit gets no relevance.
/// </summary>
public enum Saturation
{
    /// <summary>No test: no activation, linear, ReLU, and every activation that is not listed.</summary>
    None,

    /// <summary>t &lt; -2 silences the positive side, t &gt; 2 the negative side.</summary>
    Tanh,

    /// <summary>t &lt; -4 silences the positive side, t &gt; 4 the negative side.</summary>
    Sigmoid,

    /// <summary>t &lt; -1 silences the positive side, t &gt; 2 the negative side.</summary>
    Softmax,

    /// <summary>t &lt; -6 silences the positive side; a side whose removal does not change x·σ(0.75x) is silenced.</summary>
    Swish,
}
