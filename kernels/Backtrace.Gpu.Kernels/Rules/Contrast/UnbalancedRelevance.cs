using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>
/// Adds what the listed units of both signs hand to their inputs, contribution by contribution. An item is a row and a part of its inputs: a chunk, or on
/// GPUs, where neighbours read neighbouring addresses, one of every few.
/// </summary>
internal unsafe struct UnbalancedRelevance : ILaneKernel
{
    public ListedUnits Units;

    /// <summary>Shaped as the inputs.</summary>
    public ArrayView<float> ToSupporting;
    public ArrayView<float> ToOpposing;
    public long Chunks;

    /// <summary>Launches it.</summary>
    /// <param name="device">Where.</param>
    /// <param name="units">The units.</param>
    /// <param name="rows">Rows of all matrices.</param>
    /// <param name="toSupporting">Shaped as the inputs.</param>
    /// <param name="toOpposing">Shaped as the inputs.</param>
    public static void Run(Device device, ListedUnits units, long rows, ArrayView<float> toSupporting, ArrayView<float> toOpposing)
    {
        long chunks = (units.Operands.Inputs + ListedUnits.Chunk - 1) / ListedUnits.Chunk;
        LaneItems.Run(device, new UnbalancedRelevance { Units = units, ToSupporting = toSupporting, ToOpposing = toOpposing, Chunks = chunks }, rows * chunks, ListedUnits.Chunk);
    }

    public readonly void Run<TLane>(Share share)
        where TLane : struct, ILane<TLane>
    {
        UnitOperands operands = Units.Operands;
        float* w = operands.W.Pointer();
        float* list = Units.List.Pointer();
        for (long item = share.Begin; item < share.End; item += share.Step)
        {
            long row = item / Chunks, inputs = operands.PlaceOfInputs(row);
            long part = item - row * Chunks;
            bool isChunk = share.Step == 1;
            long begin = isChunk ? part * ListedUnits.Chunk : part;
            long end = isChunk ? IntrinsicMath.Min(begin + ListedUnits.Chunk, operands.Inputs) : operands.Inputs;
            float* x = operands.X.Pointer() + inputs;
            float* toSupporting = ToSupporting.Pointer() + inputs;
            float* toOpposing = ToOpposing.Pointer() + inputs;
            float* columns = list + row * (operands.Outputs + 1);
            long count = Interop.FloatAsInt(columns[0]);
            for (long k = 1; k <= count; k++)
            {
                long column = Interop.FloatAsInt(columns[k]);
                if (!Units.HasBothSigns(row, column))
                    continue;
                float* weights = w + operands.PlaceOfWeights(row, column);
                Shares<Scalar> shares = Units.SharesOf(row, column);
                if (isChunk)
                {
                    Contributions.Add<TLane>(x + begin, weights + begin, end - begin, shares, toSupporting + begin, toOpposing + begin);
                    continue;
                }

                for (long i = begin; i < end; i += Chunks)
                    Contributions.AddOne(x + i, weights + i, shares, toSupporting + i, toOpposing + i);
            }
        }
    }
}
