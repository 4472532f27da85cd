using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules.Recurrent.Cells;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent;

/// <summary>The kernels of one kind of cell.</summary>
internal abstract class CellKernels
{
    /// <summary>Number of gates.</summary>
    public required int Gates { get; init; }

    /// <summary>Number of planes of <see cref="CellViews.Factors"/>.</summary>
    public required int FactorPlanes { get; init; }

    /// <summary>The state has a c.</summary>
    public bool HasCell { get; init; }

    /// <summary>The last gate's second bias belongs to H, and part of h passes to the next step without a matrix: a GRU.</summary>
    public bool IsGated { get; init; }

    /// <summary>The kernels of a kind.</summary>
    public static CellKernels Of(RecurrentCell cell) => cell switch
    {
        RecurrentCell.Lstm => new CellKernels<LstmForward, LstmFactors, LstmRelevance, LstmStreams, SignedLstmFactors> { Gates = 4, FactorPlanes = 4, HasCell = true },
        RecurrentCell.Gru => new CellKernels<GruForward, GruFactors, GruRelevance, GruStreams, SignedGruFactors> { Gates = 3, FactorPlanes = 3, IsGated = true },
        RecurrentCell.Tanh => new CellKernels<TanhForward, PlainFactors, PlainRelevance, PlainStreams, SignedPlainFactors> { Gates = 1, FactorPlanes = 1 },
        _ => new CellKernels<ReluForward, PlainFactors, PlainRelevance, PlainStreams, SignedPlainFactors> { Gates = 1, FactorPlanes = 1 },
    };

    /// <summary>One step forward.</summary>
    public abstract void Forward(Device device, in CellViews views, in CellShape shape, long first, long rows);

    /// <summary>The shares of all steps, default mode.</summary>
    public abstract void Factors(Device device, in CellViews views, in CellShape shape);

    /// <summary>The shares of all steps by the epsilon rule.</summary>
    public abstract void SignedFactors(Device device, in CellViews views, in CellShape shape);

    /// <summary>One step back, default mode and epsilon rule.</summary>
    public abstract void Relevance(Device device, in CellViews views, in CellShape shape, long first, long rows);

    /// <summary>One step back, contrastive mode.</summary>
    public abstract void Streams(Device device, in CellViews views, in CellShape shape, long first, long rows);
}

/// <inheritdoc/>
internal sealed class CellKernels<TForward, TFactors, TRelevance, TStreams, TSignedFactors> : CellKernels
    where TForward : struct, ICellKernel
    where TFactors : struct, ICellKernel
    where TRelevance : struct, ICellKernel
    where TStreams : struct, ICellKernel
    where TSignedFactors : struct, ICellKernel
{
    public override void Forward(Device device, in CellViews views, in CellShape shape, long first, long rows) => Run<TForward>(device, views, shape, first, rows);

    public override void Factors(Device device, in CellViews views, in CellShape shape) => Run<TFactors>(device, views, shape, 0, shape.Rows);

    public override void SignedFactors(Device device, in CellViews views, in CellShape shape) => Run<TSignedFactors>(device, views, shape, 0, shape.Rows);

    public override void Relevance(Device device, in CellViews views, in CellShape shape, long first, long rows) => Run<TRelevance>(device, views, shape, first, rows);

    public override void Streams(Device device, in CellViews views, in CellShape shape, long first, long rows) => Run<TStreams>(device, views, shape, first, rows);

    private void Run<TCell>(Device device, in CellViews views, in CellShape shape, long first, long rows)
        where TCell : struct, ICellKernel =>
        device.Run(new ForUnits<TCell> { Views = views, Shape = shape, First = first, Rows = rows }, rows * shape.Padded, workPerEntry: 5 * Gates);
}
