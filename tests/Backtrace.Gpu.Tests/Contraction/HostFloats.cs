using System.Runtime.InteropServices;
using Backtrace.Gpu.Kernels.Contraction;
using ILGPU;
using ILGPU.Runtime.CPU;

namespace Backtrace.Gpu.Tests.Contraction;

/// <summary>Floats in native memory as a view, between guards that tell of writes outside.</summary>
internal sealed unsafe class HostFloats : IDisposable
{
    private const int Guard = 64;
    private const float Mark = -12345.5f;

    private static readonly Context Context = Context.Create(b => b.CPU());
    private static readonly CPUAccelerator Accelerator = Context.CreateCPUAccelerator(0);

    private readonly float* memory;
    private readonly CPUMemoryBuffer buffer;

    public HostFloats(int length, Func<int, float>? value = null)
    {
        Length = length;
        memory = (float*)NativeMemory.AlignedAlloc((nuint)(length + 2 * Guard) * sizeof(float), 64);
        new Span<float>(memory, length + 2 * Guard).Fill(Mark);
        for (int i = 0; i < length; i++)
            memory[Guard + i] = value == null ? float.NaN : value(i);
        buffer = CPUMemoryBuffer.Create(Accelerator, (nint)(memory + Guard), length, sizeof(float));
    }

    public int Length { get; }

    public ArrayView<float> View => buffer.AsArrayView<float>(0, Length);

    public bool GuardsHold => new Span<float>(memory, Guard).IndexOfAnyExcept(Mark) < 0 && new Span<float>(memory + Guard + Length, Guard).IndexOfAnyExcept(Mark) < 0;

    public float[] ToArray() => new Span<float>(memory + Guard, Length).ToArray();

    public double[] Read(Part part, ContractionPrecision precision = ContractionPrecision.Single) => Array.ConvertAll(ToArray(), v => Round(ReferenceContraction.Of(part, v), precision));

    public void Dispose()
    {
        buffer.Dispose();
        NativeMemory.AlignedFree(memory);
    }

    internal static double Round(float value, ContractionPrecision precision)
    {
        if (precision == ContractionPrecision.Single)
            return value;
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return BitConverter.UInt32BitsToSingle((bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff0000);
    }
}
