using System.Diagnostics;
using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Perf;
using ILGPU;
using Device = Backtrace.Gpu.Kernels.Execution.Device;

namespace Backtrace.Gpu.Kit;

/// <summary>Bandwidth of the elementwise kernels and speed of the contractions, beside the vendor's library where there is one.</summary>
internal static class Speed
{
    internal static void Print(Device device, string id)
    {
        bool isGpu = device.Kind == DeviceKind.Cuda;
        Console.WriteLine();
        Console.WriteLine($"{"kernel",-44} {"GB/s",9} {"of copy",9}");
        foreach (BandwidthRow row in ElementwiseBandwidth.Measure(device, id, isGpu ? 256 << 20 : 4 << 20, 15))
            Console.WriteLine($"{row.Kernel,-44} {row.GigabytesPerSecond,9:F1} {row.RatioToCopy,9:P0}");

        using Arena arena = new(device);
        IContraction contraction = device.Kind == DeviceKind.Cpu ? new CpuContraction(device.Workers, ContractionPrecision.Single) : new TiledContraction(device, arena);
        using CuBlas? library = isGpu ? CuBlas.TryOpen(device) : null;
        Console.WriteLine();
        Console.WriteLine($"{"contraction",-44} {"ms",9} {"GFLOP/s",9} {"GB/s of W",10} {"cuBLAS ms",10}");
        int large = isGpu ? 4096 : 1024;
        foreach (LinearShape shape in new LinearShape[] { new(1, large, large), new(4, large, large), new(128, 768, 3072), new(large, large, large) })
            Linear(device, arena, contraction, library, shape);
        foreach ((int batch, int channels, int size) in new[] { (1, 16, 32), (1, 64, 8), (32, 16, 32), (32, 64, 8), (isGpu ? 32 : 1, 256, 14) })
            Convolution(device, arena, contraction, batch, channels, size);
    }

    private static void Linear(Device device, Arena arena, IContraction contraction, CuBlas? library, LinearShape s)
    {
        Block x = New(device, arena, (long)s.Rows * s.Inputs), w = New(device, arena, (long)s.Outputs * s.Inputs), y = New(device, arena, (long)s.Rows * s.Outputs);
        ArrayView<float> ys = y.View.SubView(0, (long)s.Rows * s.Outputs), xs = x.View.SubView(0, (long)s.Rows * s.Inputs);
        double flops = 2.0 * s.Rows * s.Inputs * s.Outputs, bytes = 4.0 * s.Inputs * s.Outputs;
        double? forward = library == null ? null : Best(device, () => library.Linear(s, x.View, w.View, y.View));
        double? backward = library == null ? null : Best(device, () => library.LinearTransposed(s, y.View, w.View, x.View));
        Row($"|x||W|ᵀ      {s.Rows} x {s.Inputs} -> {s.Outputs}", Best(device, () => contraction.Linear(s, Operand.Abs(x.View), Operand.Abs(w.View), Operand.None, ys, default(NoEpilogue))), flops, bytes, forward);
        Row($"c|W|         {s.Rows} x {s.Outputs} -> {s.Inputs}", Best(device, () => contraction.LinearTransposed(s, Operand.Of(y.View), Operand.Abs(w.View), xs, default(NoEpilogue))), flops, bytes, backward);
        x.Release();
        w.Release();
        y.Release();
    }

    private static void Convolution(Device device, Arena arena, IContraction contraction, int batch, int channels, int size)
    {
        Size3 image = new(1, size, size), kernel = new(1, 3, 3), one = new(1, 1, 1);
        ConvolutionShape s = new(batch, channels, channels, 1, image, image, kernel, one, new(0, 1, 1), one);
        long length = (long)batch * channels * image.Volume;
        Block x = New(device, arena, length), y = New(device, arena, length), w = New(device, arena, (long)channels * channels * 9);
        ArrayView<float> xs = x.View.SubView(0, length), ys = y.View.SubView(0, length);
        double flops = 2.0 * length * channels * 9, bytes = 4.0 * channels * channels * 9;
        string what = $"{batch} x {channels} x {size} x {size}, 3 x 3";
        Row($"conv   {what}", Best(device, () => contraction.Convolution(s, Operand.Abs(xs), Operand.Abs(w.View), Operand.None, ys, default(NoEpilogue))), flops, bytes, null);
        Row($"conv ᵀ {what}", Best(device, () => contraction.ConvolutionTransposed(s, Operand.Of(ys), Operand.Abs(w.View), Operand.None, xs, default(NoEpilogue))), flops, bytes, null);
        x.Release();
        y.Release();
        w.Release();
    }

    private static void Row(string what, double seconds, double flops, double bytes, double? library) =>
        Console.WriteLine($"{what,-44} {seconds * 1e3,9:F3} {flops / seconds / 1e9,9:F1} {bytes / seconds / 1e9,10:F1} {(library is { } s ? $"{s * 1e3,10:F3}" : "         -")}");

    private static Block New(Device device, Arena arena, long length)
    {
        Block block = arena.Rent(length);
        device.Run(new Fill { Target = block.View, Value = 1e-3f }, length);
        return block;
    }

    // The best of several rounds, each long enough for the clock.
    private static double Best(Device device, Action run)
    {
        run();
        device.Synchronize();
        long start = Stopwatch.GetTimestamp();
        run();
        device.Synchronize();
        int count = (int)Math.Clamp(0.02 / Math.Max(Stopwatch.GetElapsedTime(start).TotalSeconds, 1e-6), 1, 200);
        double best = double.MaxValue;
        for (int round = 0; round < 5; round++)
        {
            start = Stopwatch.GetTimestamp();
            for (int k = 0; k < count; k++)
                run();
            device.Synchronize();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds / count);
        }

        return best;
    }
}
