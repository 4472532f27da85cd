using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent;

/// <summary>What is computed for each unit of a cell and each row. <see cref="ForUnits{TCell}"/> runs it.</summary>
internal interface ICellKernel
{
    /// <summary>Handles <c>TLane.Width</c> neighbouring units.</summary>
    static abstract void At<TLane>(in CellPointers memory, in CellPlace place)
        where TLane : struct, ILane<TLane>;
}
