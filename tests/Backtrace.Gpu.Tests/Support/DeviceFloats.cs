using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Tests.Support;

/// <summary>Host arrays to and from the memory of an arena.</summary>
internal static unsafe class DeviceFloats
{
    internal static ArrayView<float> Upload(this Arena arena, float[] values)
    {
        ArrayView<float> view = arena.Rent(values.Length).View.SubView(0, values.Length);
        fixed (float* source = values)
            arena.Device.Upload(source, view, values.Length);
        return view;
    }

    /// <summary>Memory full of NaN: what is not written is found.</summary>
    internal static ArrayView<float> Blank(this Arena arena, long length)
    {
        ArrayView<float> view = arena.Rent(length).View.SubView(0, length);
        arena.Device.Run(new Fill { Target = view, Value = float.NaN }, length);
        return view;
    }

    internal static float[] Download(this Device device, ArrayView<float> view)
    {
        float[] values = new float[view.Length];
        fixed (float* target = values)
            device.Download(view, target, values.Length);
        return values;
    }

    /// <summary>Values between -1 and 1, some of them zero.</summary>
    internal static float[] Random(int length, int seed)
    {
        Random random = new(seed);
        float[] values = new float[length];
        for (int i = 0; i < length; i++)
            values[i] = random.Next(4) == 0 ? 0 : random.NextSingle() * 2 - 1;
        return values;
    }
}
