using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>
/// Adds what the listed units of both signs hand to what their inputs are multiplied with, where that is dynamic too. An item is some inputs of a matrix; it
/// walks through the units of all rows.
/// </summary>
internal unsafe struct UnbalancedWeights : ILaneKernel
{
    public ListedUnits Units;
    public ArrayView<float> ToSupporting;
    public ArrayView<float> ToOpposing;

    /// <summary>Inputs of an item.</summary>
    public int Chunk;

    /// <summary>Items of a matrix.</summary>
    public long Chunks;

    /// <summary>Launches it.</summary>
    /// <param name="device">Where.</param>
    /// <param name="units">The units.</param>
    /// <param name="matrices">Number of matrices.</param>
    /// <param name="toSupporting">Shaped as the weights.</param>
    /// <param name="toOpposing">Shaped as the weights.</param>
    public static void Run(Device device, ListedUnits units, int matrices, ArrayView<float> toSupporting, ArrayView<float> toOpposing)
    {
        // Neighbours on GPUs read neighbouring addresses.
        int chunk = device.IsProcessor ? ListedUnits.Chunk : 1;
        long chunks = (units.Operands.Inputs + chunk - 1) / chunk;
        UnbalancedWeights weights = new() { Units = units, ToSupporting = toSupporting, ToOpposing = toOpposing, Chunk = chunk, Chunks = chunks };
        LaneItems.Run(device, weights, matrices * chunks, units.Operands.Rows * chunk);
    }

    public readonly void Run<TLane>(Share share)
        where TLane : struct, ILane<TLane>
    {
        UnitOperands operands = Units.Operands;
        float* list = Units.List.Pointer();
        float* w = operands.W.Pointer();
        for (long item = share.Begin; item < share.End; item += share.Step)
        {
            long matrix = item / Chunks, begin = (item - matrix * Chunks) * Chunk;
            long end = IntrinsicMath.Min(begin + Chunk, operands.Inputs);
            for (long row = matrix * operands.Rows; row < (matrix + 1) * operands.Rows; row++)
            {
                float* x = operands.X.Pointer() + operands.PlaceOfInputs(row);
                float* columns = list + row * (operands.Outputs + 1);
                long count = Interop.FloatAsInt(columns[0]);
                for (long k = 1; k <= count; k++)
                {
                    long column = Interop.FloatAsInt(columns[k]);
                    if (!Units.HasBothSigns(row, column))
                        continue;
                    long place = operands.PlaceOfWeights(row, column) + begin;
                    Shares<Scalar> shares = Units.SharesOf(row, column);
                    Contributions.Add<TLane>(x + begin, w + place, end - begin, shares, ToSupporting.Pointer() + place, ToOpposing.Pointer() + place);
                }
            }
        }
    }
}
