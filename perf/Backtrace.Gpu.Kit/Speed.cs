using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kit.Report;
using Backtrace.Gpu.Perf;
using Backtrace.Gpu.Perf.Quick;
using ILGPU;
using Device = Backtrace.Gpu.Kernels.Execution.Device;

namespace Backtrace.Gpu.Kit;

/// <summary>Bandwidth of the elementwise kernels and speed of the contractions, of our kernels and by cuBLAS where there is one.</summary>
internal sealed class Speed(Device device, Arena arena, IContraction contraction, CuBlasContraction? single, CuBlasContraction? rounded, Figures figures)
{
    private const double LeastOfCopy = 0.7;

    internal static void Measure(Device device, KitOptions options, Figures figures)
    {
        bool isGpu = device.Kind == DeviceKind.Cuda;
        // Beyond all caches; five arrays of it take up a quarter of a small GPU at most.
        long length = isGpu ? Math.Min(256 << 20, device.MemoryBytes / 80) : 16 << 20;
        foreach (BandwidthRow row in ElementwiseBandwidth.Measure(device, options.Device, length, 15))
        {
            bool isCopy = row.Kernel.StartsWith("Copy", StringComparison.Ordinal);
            figures.Add(new Bar($"bandwidth, {row.Kernel} / copy", row.RatioToCopy, isCopy ? null : LeastOfCopy, true, "ratio", $"{row.GigabytesPerSecond:F1} GB/s"));
        }

        using Arena arena = new(device);
        using CuBlasContraction? single = isGpu ? CuBlas(device, arena, ContractionPrecision.Single) : null;
        using CuBlasContraction? rounded = single == null ? null : CuBlas(device, arena, ContractionPrecision.BFloat16);
        IContraction contraction = device.Kind == DeviceKind.Cpu ? new CpuContraction(device.Workers, ContractionPrecision.Single) : new TiledContraction(device, arena);
        Speed speed = new(device, arena, contraction, single, rounded, figures);
        int large = isGpu ? 4096 : 1024;
        foreach (LinearShape shape in new LinearShape[] { new(1, large, large), new(4, large, large), new(128, 768, 3072), new(large, large, large) })
            speed.Linear(shape);
        foreach ((int batch, int channels, int size) in new[] { (1, 16, 32), (1, 64, 8), (32, 16, 32), (32, 64, 8), (isGpu ? 32 : 1, 256, 14) })
            speed.Convolution(batch, channels, size);
    }

    private static CuBlasContraction? CuBlas(Device device, Arena arena, ContractionPrecision precision)
    {
        CuBlasContraction? contraction = CuBlasContraction.TryCreate(device, arena, precision, out string obstacle);
        if (contraction == null)
            Console.WriteLine($"No products by cuBLAS with {(precision == ContractionPrecision.Single ? "fp32" : "bf16")} operands: {obstacle}.");
        return contraction;
    }

    private void Linear(LinearShape s)
    {
        Block x = New((long)s.Rows * s.Inputs), w = New((long)s.Outputs * s.Inputs), y = New((long)s.Rows * s.Outputs);
        ArrayView<float> ys = y.View.SubView(0, (long)s.Rows * s.Outputs), xs = x.View.SubView(0, (long)s.Rows * s.Inputs);

        // Operands as they lie: the library's own speed, without magnitudes.
        double? Plain(ProductShape shape, ArrayView<float> a, ArrayView<float> result) =>
            single == null ? null : Clock.Best(device, () => single.Products(shape, Operand.Of(a), Operand.Of(w.View), result, default(NoEpilogue)));
        double? forward = Plain(new ProductShape(1, s.Rows, s.Outputs, s.Inputs) { TransposedB = true }, xs, ys);
        double? backward = Plain(new ProductShape(1, s.Rows, s.Inputs, s.Outputs), ys, xs);
        void Rows(string by, IContraction contraction, Operand weight)
        {
            double flops = 2.0 * s.Rows * s.Inputs * s.Outputs, bytes = (weight.IsBFloat16 ? 2.0 : 4.0) * s.Inputs * s.Outputs;
            Row($"{by}|x||W|ᵀ {s.Rows} x {s.Inputs} -> {s.Outputs}", () => contraction.Linear(s, Operand.Abs(xs), weight, Operand.None, ys, default(NoEpilogue)), flops, bytes, forward);
            Row($"{by}c|W| {s.Rows} x {s.Outputs} -> {s.Inputs}", () => contraction.LinearTransposed(s, Operand.Of(ys), weight, xs, default(NoEpilogue)), flops, bytes, backward);
        }

        Rows("", contraction, Operand.Abs(w.View));
        if (s.Rows > TiledContraction.FewRows)
        {
            if (single != null)
                Rows("cuBLAS fp32, ", single, Operand.Abs(w.View));
            if (rounded != null)
            {
                Rows("cuBLAS bf16, ", rounded, Operand.Abs(w.View));
                Rows("cuBLAS bf16, bf16 W, ", rounded, Operand.Abs(w.View) with { IsBFloat16 = true });
            }
        }

        x.Release();
        w.Release();
        y.Release();
    }

    private void Convolution(int batch, int channels, int size)
    {
        Size3 image = new(1, size, size), kernel = new(1, 3, 3), one = new(1, 1, 1);
        ConvolutionShape s = new(batch, channels, channels, 1, image, image, kernel, one, new(0, 1, 1), one);
        long length = (long)batch * channels * image.Volume;
        Block x = New(length), y = New(length), w = New((long)channels * channels * 9);
        ArrayView<float> xs = x.View.SubView(0, length), ys = y.View.SubView(0, length);
        double flops = 2.0 * length * channels * 9, bytes = 4.0 * channels * channels * 9;
        string what = $"{batch} x {channels} x {size} x {size}, 3 x 3";
        Row($"conv {what}", () => contraction.Convolution(s, Operand.Abs(xs), Operand.Abs(w.View), Operand.None, ys, default(NoEpilogue)), flops, bytes, null);
        Row($"conv ᵀ {what}", () => contraction.ConvolutionTransposed(s, Operand.Of(ys), Operand.Abs(w.View), Operand.None, xs, default(NoEpilogue)), flops, bytes, null);
        x.Release();
        y.Release();
        w.Release();
    }

    private void Row(string what, Action run, double flops, double bytes, double? library)
    {
        double seconds = Clock.Best(device, run);
        string beside = library is { } other ? $"; cuBLAS alone, fp32, {flops / other / 1e12:F3} TFLOP/s, {other * 1e3:F3} ms: {other / seconds:F2} of its speed" : "";
        figures.Add($"contraction, {what}", flops / seconds / 1e12, "TFLOP/s", $"{seconds * 1e3:F3} ms, {bytes / seconds / 1e9:F1} GB/s of W{beside}");
    }

    private Block New(long length)
    {
        Block block = arena.Rent(length);
        device.Run(new Fill { Target = block.View, Value = 1e-3f }, length);
        return block;
    }
}
