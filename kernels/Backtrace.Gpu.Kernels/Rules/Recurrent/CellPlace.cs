namespace Backtrace.Gpu.Kernels.Rules.Recurrent;

/// <summary>Where the entries of some neighbouring units of one row begin.</summary>
internal struct CellPlace
{
    /// <summary>In arrays [P, U] of the state's side.</summary>
    public long Own;

    /// <summary>In arrays [P, G·U] of the state's side, gate 0.</summary>
    public long Gates;

    /// <summary>In arrays [P, U] of the input's side.</summary>
    public long Input;

    /// <summary>In arrays [P, G·U] of the input's side, gate 0.</summary>
    public long InputGates;

    /// <summary>In the layer's result.</summary>
    public long Result;

    /// <summary>In arrays [N, U].</summary>
    public long State;

    /// <summary>In arrays [rows of this step, G·U], gate 0.</summary>
    public long StepGates;

    /// <summary>The unit.</summary>
    public long Unit;
}
