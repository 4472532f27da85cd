using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Perf.Profiling;

/// <summary>The products of real networks.</summary>
internal static class ContractionShapes
{
    public static IEnumerable<Entry> All()
    {
        foreach (int rows in new[] { 1, 4, 16, 64, 128, 256, 512 })
        {
            foreach ((int inputs, int outputs) in new[] { (64, 64), (110, 128), (1024, 1024), (768, 3072), (2048, 8192) })
            {
                foreach (bool transposed in new[] { false, true })
                    yield return new Entry(new LinearShape(rows, inputs, outputs), null, transposed);
            }
        }

        foreach (int rows in new[] { 4096 })
        {
            foreach (bool transposed in new[] { false, true })
                yield return new Entry(new LinearShape(rows, 110, 128), null, transposed);
        }

        foreach (int batch in new[] { 1, 32 })
        {
            foreach (ConvolutionShape shape in Convolutions(batch))
            {
                foreach (bool transposed in new[] { false, true })
                    yield return new Entry(null, shape, transposed);
            }
        }
    }

    private static IEnumerable<ConvolutionShape> Convolutions(int batch)
    {
        yield return Square(batch, 3, 16, 32, 3, 1);
        yield return Square(batch, 16, 16, 32, 3, 1);
        yield return Square(batch, 16, 32, 32, 3, 2);
        yield return Square(batch, 32, 32, 16, 3, 1);
        yield return Square(batch, 32, 64, 16, 3, 2);
        yield return Square(batch, 64, 64, 8, 3, 1);
        if (batch > 1)
            batch = 4; // pictures of 224 pixels
        yield return Square(batch, 3, 64, 224, 7, 2);
        yield return Square(batch, 64, 64, 56, 3, 1);
        yield return Square(batch, 64, 128, 56, 3, 2);
        yield return Square(batch, 64, 128, 56, 1, 2);
        yield return Square(batch, 128, 128, 28, 3, 1);
        yield return Square(batch, 256, 256, 14, 3, 1);
        yield return Square(batch, 512, 512, 7, 3, 1);
        yield return Square(batch, 256, 64, 56, 1, 1);
        yield return Square(batch, 64, 256, 56, 1, 1);
        yield return Square(batch, 512, 128, 28, 1, 1);
        yield return Square(batch, 1024, 256, 14, 1, 1);
        yield return Square(batch, 256, 1024, 14, 1, 1);
        yield return Square(batch, 2048, 512, 7, 1, 1);
        yield return Square(batch, 128, 128, 28, 3, 1, groups: 128);
        yield return Square(batch, 128, 128, 28, 3, 1, groups: 32);
    }

    private static ConvolutionShape Square(int batch, int input, int output, int size, int kernel, int stride, int groups = 1)
    {
        int padding = kernel / 2;
        int result = ((size + (2 * padding) - kernel) / stride) + 1;
        return new(batch, input, output, groups, new(1, size, size), new(1, result, result), new(1, kernel, kernel), new(1, stride, stride), new(0, padding, padding), new(1, 1, 1));
    }

    /// <summary>A product, forward or transposed.</summary>
    internal sealed record Entry(LinearShape? Linear, ConvolutionShape? Convolution, bool IsTransposed)
    {
        public string Name => (Convolution is { } c
            ? $"conv {c.Batch} x {c.InChannels}-{c.OutChannels}{(c.Groups > 1 ? $"/{c.Groups}" : "")} {c.Kernel.H}x{c.Kernel.W}/{c.Stride.H} at {c.Input.H}x{c.Input.W}"
            : $"linear {Linear!.Value.Rows} x {Linear.Value.Inputs}-{Linear.Value.Outputs}") + (IsTransposed ? " transposed" : "");

        public double Products => Convolution is { } c
            ? (double)c.Batch * c.OutChannels * c.Output.Volume * (c.InChannels / c.Groups) * c.Kernel.Volume
            : (double)Linear!.Value.Rows * Linear.Value.Inputs * Linear.Value.Outputs;

        public Operands Allocate(Arena arena) => new(arena, this);
    }

    /// <summary>Random operands of an entry.</summary>
    internal sealed class Operands : IDisposable
    {
        private readonly Entry entry;
        private readonly Block x, y, w;
        private readonly long lengthX, lengthY, lengthW;

        public Operands(Arena arena, Entry entry)
        {
            this.entry = entry;
            (lengthX, lengthY, lengthW) = entry.Convolution is { } c
                ? ((long)c.Batch * c.InChannels * c.Input.Volume, (long)c.Batch * c.OutChannels * c.Output.Volume, (long)c.OutChannels * (c.InChannels / c.Groups) * c.Kernel.Volume)
                : ((long)entry.Linear!.Value.Rows * entry.Linear.Value.Inputs, (long)entry.Linear.Value.Rows * entry.Linear.Value.Outputs, (long)entry.Linear.Value.Inputs * entry.Linear.Value.Outputs);
            (x, y, w) = (Fill(arena, lengthX), Fill(arena, lengthY), Fill(arena, lengthW));
        }

        public void Run(IContraction contraction)
        {
            ArrayView<float> vx = x.View.SubView(0, lengthX), vy = y.View.SubView(0, lengthY), vw = w.View.SubView(0, lengthW);
            switch (entry)
            {
                case { Convolution: { } c, IsTransposed: false }:
                    contraction.Convolution(c, Operand.Abs(vx), Operand.Abs(vw), Operand.None, vy, default(NoEpilogue));
                    break;
                case { Convolution: { } c }:
                    contraction.ConvolutionTransposed(c, Operand.Of(vy), Operand.Abs(vw), Operand.None, vx, default(NoEpilogue));
                    break;
                case { Linear: { } l, IsTransposed: false }:
                    contraction.Linear(l, Operand.Abs(vx), Operand.Abs(vw), Operand.None, vy, default(NoEpilogue));
                    break;
                default:
                    contraction.LinearTransposed(entry.Linear!.Value, Operand.Of(vy), Operand.Abs(vw), vx, default(NoEpilogue));
                    break;
            }
        }

        public void Dispose()
        {
            x.Release();
            y.Release();
            w.Release();
        }

        private static unsafe Block Fill(Arena arena, long length)
        {
            Block block = arena.Rent(length);
            var random = new Random(1);
            for (long i = 0; i < length; i++)
                block.Memory[i] = random.NextSingle() - 0.5f;
            return block;
        }
    }
}
