using System.Runtime.CompilerServices;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.References;

/// <summary>−x.</summary>
internal unsafe struct NegativeTerm : ITerm
{
    public ArrayView<float> Values;

    public readonly TermPointers Open() => new() { A = Values.Pointer() };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLane At<TLane>(in TermPointers pointers, long row, long column)
        where TLane : struct, ILane<TLane> =>
        TLane.All(0) - TLane.Load(pointers.A + (row + column));
}
