using System.Runtime.CompilerServices;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>
/// Contractions on the processor without a library: register-blocked micro-kernels on packed operands, whose signs are cleared while
/// they are packed. Sums are fp32 in an order that depends on nothing but the shape. Used by one caller at a time.
/// </summary>
/// <param name="workers">The threads to run on.</param>
/// <param name="precision">The precision of the operands.</param>
/// <param name="kernel">
/// Multiplies bf16 operands where there are enough of them. Small products then take their operands as they are: rounding would cost time and digits.
/// Without it, operands that are to be bf16 are rounded and multiplied as fp32.
/// </param>
public sealed unsafe class CpuContraction(Workers workers, ContractionPrecision precision = ContractionPrecision.Single, BFloat16Kernel kernel = default)
    : IContraction, IDisposable
{
    private readonly CpuScratch scratch = new();
    private readonly bool usesKernel = kernel.IsPresent && precision == ContractionPrecision.BFloat16;
    private readonly ContractionPrecision reading = kernel.IsPresent ? ContractionPrecision.Single : precision;

    /// <summary>The micro-kernels in use; tests try all.</summary>
    internal CpuTile Tile { get; init; } = CpuTile.Best;

    /// <inheritdoc/>
    public bool ReadsBFloat16(in LinearShape shape) =>
        usesKernel && !shape.IsExact && shape.Rows > Math.Max(CpuRows.Most, CpuRowsTransposed.Most) && PaysForPairs(shape.Inputs, shape.Outputs);

    /// <inheritdoc/>
    public void Linear<TEpilogue>(in LinearShape shape, Operand x, Operand w, Operand bias, ArrayView<float> y, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise
    {
        if (y.Length == 0)
            return;
        var task = Product(x, w, bias, y, shape.IsExact);
        (task.M, task.N, task.K, task.TransposedB) = (shape.Rows, shape.Outputs, shape.Inputs, true);
        var job = new Job<CpuProductTask, TEpilogue>(task, epilogue);
        if (shape.Rows <= CpuRows.Most)
            Run(ref job, job.Task.Cut(workers.Count, columnsOnly: true), CpuRows.SlabOf(job.Task), &Rows<TEpilogue>);
        else if (usesKernel && !shape.IsExact && PaysForPairs(shape.Inputs, shape.Outputs))
            Run(ref job, job.Task.Cut(workers.Count, columnsOnly: false), CpuPairProduct.SlabOf(job.Task), &Pairs<TEpilogue>);
        else
            Run(ref job, job.Task.Cut(workers.Count, columnsOnly: false), CpuProduct.SlabOf(job.Task), &Product<TEpilogue>);
    }

    /// <inheritdoc/>
    public void LinearTransposed<TEpilogue>(in LinearShape shape, Operand y, Operand w, ArrayView<float> x, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise
    {
        if (x.Length == 0)
            return;
        var task = Product(y, w, Operand.None, x);
        (task.M, task.N, task.K) = (shape.Rows, shape.Inputs, shape.Outputs);
        var job = new Job<CpuProductTask, TEpilogue>(task, epilogue);
        if (shape.Rows <= CpuRowsTransposed.Most)
            Run(ref job, job.Task.Cut(workers.Count, columnsOnly: true), CpuRowsTransposed.SlabOf(job.Task), &RowsTransposed<TEpilogue>);
        else if (usesKernel && PaysForPairs(shape.Inputs, shape.Outputs))
            Run(ref job, job.Task.Cut(workers.Count, columnsOnly: false), CpuPairProduct.SlabOf(job.Task), &Pairs<TEpilogue>);
        else
            Run(ref job, job.Task.Cut(workers.Count, columnsOnly: false), CpuProduct.SlabOf(job.Task), &Product<TEpilogue>);
    }

    /// <inheritdoc/>
    public void Convolution<TEpilogue>(in ConvolutionShape shape, Operand x, Operand w, Operand bias, ArrayView<float> y, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise => Convolve(shape, false, x, w, bias, y, epilogue);

    /// <inheritdoc/>
    public void ConvolutionTransposed<TEpilogue>(in ConvolutionShape shape, Operand y, Operand w, Operand bias, ArrayView<float> x, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise => Convolve(shape, true, y, w, bias, x, epilogue);

    /// <inheritdoc/>
    public void Products<TEpilogue>(in ProductShape shape, Operand a, Operand b, ArrayView<float> c, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise
    {
        if (shape.IsEmpty)
            return;
        var product = Product(a, b, Operand.None, c, shape.IsExact);
        (product.M, product.N, product.K) = (shape.Rows, shape.Columns, shape.Depth);
        (product.TransposedA, product.TransposedB, product.Accumulates) = (shape.TransposedA, shape.TransposedB, shape.Accumulates);
        var job = new Job<CpuProductBatch, TEpilogue>(new CpuProductBatch(product, shape), epilogue);
        Run(ref job, job.Task.Cut(workers.Count), job.Task.Slab, &Products<TEpilogue>);
    }

    /// <summary>Frees the scratch memory.</summary>
    public void Dispose() => scratch.Dispose();

    private void Convolve<TEpilogue>(in ConvolutionShape shape, bool transposed, Operand source, Operand w, Operand bias, ArrayView<float> result, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise
    {
        if (result.Length == 0)
            return;
        var task = CpuConvolutionTask.Of(shape, transposed, Tile);
        task.Source = Pointer(source);
        task.Weights = Pointer(w);
        task.Bias = Pointer(bias);
        task.Result = result.Pointer();
        task.Kernel = kernel;
        ContractionPrecision operands = shape.IsExact ? ContractionPrecision.Single : reading;
        task.ReadSource = new CpuReading(source.Part, operands);
        task.ReadWeights = new CpuReading(w.Part, operands);
        task.ReadBias = new CpuReading(bias.Part, ContractionPrecision.Single);
        var job = new Job<CpuConvolutionTask, TEpilogue>(task, epilogue);
        int parts = job.Task.Cut(workers.Count);
        bool inPairs = usesKernel && !shape.IsExact && PaysForPairs(job.Task);
        nint slab = 0;
        for (int piece = 0; piece < job.Task.Pieces; piece++)
            slab = Math.Max(slab, inPairs ? CpuPairPiece.Of(job.Task, piece).End : CpuConvolutionPiece.Of(job.Task, piece).End);
        Run(ref job, parts, slab, inPairs ? &PairConvolution<TEpilogue> : &Convolution<TEpilogue>);
    }

    private static bool PaysForPairs(int inputs, int outputs) => Math.Min(inputs, outputs) >= CpuPairProduct.Fewest;

    private static bool PaysForPairs(in CpuConvolutionTask task) =>
        task.SourceChannels >= CpuPairConvolution.FewestChannels && task.ResultChannels >= CpuTile.Medium.Rows
        && task.Batch * task.ResultVolume >= CpuPairConvolution.FewestPositions;

    private CpuProductTask Product(Operand a, Operand b, Operand bias, ArrayView<float> c, bool isExact = false) => new()
    {
        Tile = Tile,
        A = Pointer(a),
        B = Pointer(b),
        IsBFloat16B = b.IsBFloat16,
        Bias = Pointer(bias),
        C = c.Pointer(),
        Kernel = kernel,
        ReadA = new CpuReading(a.Part, isExact ? ContractionPrecision.Single : reading),
        ReadB = new CpuReading(b.Part, isExact ? ContractionPrecision.Single : reading),
        ReadBias = new CpuReading(bias.Part, ContractionPrecision.Single),
    };

    private static float* Pointer(Operand operand) => operand.IsPresent ? operand.Values.Pointer() : null;

    private void Run<TTask, TEpilogue>(ref Job<TTask, TEpilogue> job, int parts, nint slab, delegate*<void*, int, void> part)
        where TTask : struct, ICpuTask
        where TEpilogue : struct, IElementwise
    {
        job.Parts = parts;
        float* memory = scratch.Reserve(parts, slab, out nint floats);
        job.Task.Use(memory, floats);
        if (parts == 1)
            part(Unsafe.AsPointer(ref job), 0);
        else
            workers.Run(parts, part, Unsafe.AsPointer(ref job));
    }

    private static void Rows<TEpilogue>(void* state, int part)
        where TEpilogue : struct, IElementwise
    {
        ref var job = ref Unsafe.AsRef<Job<CpuProductTask, TEpilogue>>(state);
        CpuRows.Run(job.Task, job.Epilogue, part);
    }

    private static void RowsTransposed<TEpilogue>(void* state, int part)
        where TEpilogue : struct, IElementwise
    {
        ref var job = ref Unsafe.AsRef<Job<CpuProductTask, TEpilogue>>(state);
        CpuRowsTransposed.Run(job.Task, job.Epilogue, part);
    }

    private static void Product<TEpilogue>(void* state, int part)
        where TEpilogue : struct, IElementwise
    {
        ref var job = ref Unsafe.AsRef<Job<CpuProductTask, TEpilogue>>(state);
        CpuProduct.Run(job.Task, job.Epilogue, part);
    }

    private static void Pairs<TEpilogue>(void* state, int part)
        where TEpilogue : struct, IElementwise
    {
        ref var job = ref Unsafe.AsRef<Job<CpuProductTask, TEpilogue>>(state);
        CpuPairProduct.Run(job.Task, job.Epilogue, part);
    }

    private static void Products<TEpilogue>(void* state, int part)
        where TEpilogue : struct, IElementwise
    {
        ref var job = ref Unsafe.AsRef<Job<CpuProductBatch, TEpilogue>>(state);
        job.Task.Run(job.Epilogue, part);
    }

    private static void Convolution<TEpilogue>(void* state, int part)
        where TEpilogue : struct, IElementwise
    {
        ref var job = ref Unsafe.AsRef<Job<CpuConvolutionTask, TEpilogue>>(state);
        CpuConvolution.Run(job.Task, job.Epilogue, part, job.Parts);
    }

    private static void PairConvolution<TEpilogue>(void* state, int part)
        where TEpilogue : struct, IElementwise
    {
        ref var job = ref Unsafe.AsRef<Job<CpuConvolutionTask, TEpilogue>>(state);
        CpuPairConvolution.Run(job.Task, job.Epilogue, part, job.Parts);
    }

    // Lives on the caller's stack while the workers read it.
    private struct Job<TTask, TEpilogue>(TTask task, TEpilogue epilogue)
    {
        public TTask Task = task;
        public TEpilogue Epilogue = epilogue;
        public int Parts;
    }
}
