using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>
/// What units are sums of: unit j of row r is x[r]·w[j], in each of some matrices. For the kernels that look at the contributions of few units one by one.
/// </summary>
internal unsafe struct UnitOperands
{
    /// <summary>[matrices, rows, inputs], with any stride from matrix to matrix.</summary>
    public ArrayView<float> X;

    /// <summary>[matrices, outputs, inputs], with any stride from matrix to matrix.</summary>
    public ArrayView<float> W;
    public long Rows;
    public long Outputs;
    public long Inputs;
    public long StrideX;
    public long StrideW;

    /// <param name="shape">A dense layer: one matrix.</param>
    /// <param name="x">Its inputs.</param>
    /// <param name="w">Its weights.</param>
    public static UnitOperands Of(LinearShape shape, ArrayView<float> x, ArrayView<float> w) => new() { X = x, W = w, Rows = shape.Rows, Outputs = shape.Outputs, Inputs = shape.Inputs };

    /// <summary>Where the inputs of a row lie, of the rows of all matrices; also in arrays that lie as they do.</summary>
    public readonly long PlaceOfInputs(long row)
    {
        long matrix = row / Rows;
        return matrix * StrideX + (row - matrix * Rows) * Inputs;
    }

    /// <summary>Where the weights of a unit lie.</summary>
    public readonly long PlaceOfWeights(long row, long column) => row / Rows * StrideW + column * Inputs;
}
