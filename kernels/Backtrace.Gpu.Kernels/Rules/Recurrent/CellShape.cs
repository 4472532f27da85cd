using System.Runtime.CompilerServices;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent;

/// <summary>Sizes of one direction of one layer, and where its rows lie.</summary>
internal struct CellShape
{
    public long Units;
    public long Width;

    /// <summary>Sequences.</summary>
    public long Batch;

    /// <summary>Rows of all steps.</summary>
    public long Rows;

    /// <summary>Row of the input's side = k / Period · PeriodStride + k % Period · RowStride for row k in step order.</summary>
    public long Period;
    public long PeriodStride;
    public long RowStride;

    /// <summary>Entries per row of the layer's result, and the first one of this direction.</summary>
    public long ResultWidth;
    public long ResultOffset;

    /// <summary>Units of a row, rounded up to whole lanes.</summary>
    public readonly long Padded => Direct.PaddedToLanes(Units);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly CellPlace Place(long own, long stateRow, long unit)
    {
        long period = Division.Quotient(own, Period);
        long input = period * PeriodStride + (own - period * Period) * RowStride;
        return new CellPlace
        {
            Own = own * Units + unit,
            Gates = own * Width + unit,
            Input = input * Units + unit,
            InputGates = input * Width + unit,
            Result = input * ResultWidth + ResultOffset + unit,
            State = stateRow * Units + unit,
            StepGates = stateRow * Width + unit,
            Unit = unit,
        };
    }
}
