using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent;

/// <summary>Runs a cell's kernel over the rows of one step or of all steps. Lanes do not cross rows: an item is a unit of a row, rows padded to whole lanes.</summary>
internal struct ForUnits<TCell> : IElementwise
    where TCell : struct, ICellKernel
{
    public CellViews Views;
    public CellShape Shape;

    /// <summary>First row, in step order.</summary>
    public long First;

    /// <summary>Number of rows.</summary>
    public long Rows;

    public readonly void Run<TLane>(Share share)
        where TLane : struct, ILane<TLane>
    {
        CellPointers memory = CellPointers.Of(Views);
        memory.Units = Shape.Units;
        memory.Plane = Shape.Rows * Shape.Units;
        memory.WidePlane = Shape.Rows * Shape.Width;
        memory.StatePlane = Shape.Batch * Shape.Units;
        memory.StepPlane = Rows * Shape.Width;
        for (long i = share.Begin; i < share.End; i += share.Step)
        {
            long row = Division.Quotient(i, Shape.Padded);
            long unit = i - row * Shape.Padded;
            if (unit + TLane.Width <= Shape.Units)
            {
                TCell.At<TLane>(memory, Shape.Place(First + row, row, unit));
            }
            else
            {
                for (; unit < Shape.Units; unit++)
                    TCell.At<Scalar>(memory, Shape.Place(First + row, row, unit));
            }
        }
    }
}
