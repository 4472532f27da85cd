using Backtrace.Gpu.Kernels.Execution;
using ILGPU;
using Device = Backtrace.Gpu.Kernels.Execution.Device;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>
/// Contractions on CUDA by the machine's own cuBLAS: dense layers and batches of products, with fp32 operands (never TF32), or with bf16 ones whose products are
/// summed in fp32. Magnitudes and bf16 numbers are written to borrowed memory first. Convolutions, and layers of so few rows that reading the weights is all
/// the work, are computed by <see cref="TiledContraction"/>, with fp32 operands at any precision. The same call gives the same bits, but cuBLAS may cut another
/// batch size into other sums: the last bits of a sample may differ from those of the sample alone. Used by one thread at a time.
/// </summary>
public sealed class CuBlasContraction : IContraction, IDisposable
{
    private readonly Device device;
    private readonly Arena arena;
    private readonly ContractionPrecision precision;
    private readonly CuBlasHandle handle;
    private readonly TiledContraction tiled;

    private CuBlasContraction(Device device, Arena arena, ContractionPrecision precision, CuBlasHandle handle)
    {
        this.device = device;
        this.arena = arena;
        this.precision = precision;
        this.handle = handle;
        tiled = new TiledContraction(device, arena);
    }

    /// <summary>Version of cuBLAS, such as 12.6.4.</summary>
    public string Version => handle.Version;

    /// <summary>Contractions by the first copy of cuBLAS that gives the right sums on this device, or null. The arena must outlive them.</summary>
    /// <param name="device">A CUDA device.</param>
    /// <param name="arena">Lends memory for operands.</param>
    /// <param name="precision">The precision of the operands.</param>
    /// <param name="obstacle">Why there is none, as a part of a sentence; else empty.</param>
    public static CuBlasContraction? TryCreate(Device device, Arena arena, ContractionPrecision precision, out string obstacle)
    {
        obstacle = "";
        foreach (CuBlasLibrary library in device.CuBlas)
        {
            CuBlasHandle? handle = null;
            string? fault;
            try
            {
                handle = new CuBlasHandle(device, library);
                fault = CuBlasCheck.Fault(device, arena, handle, ContractionPrecision.Single);
                if (fault == null && precision == ContractionPrecision.BFloat16)
                    fault = CuBlasCheck.Fault(device, arena, handle, ContractionPrecision.BFloat16);
                if (fault == null)
                {
                    obstacle = "";
                    return new CuBlasContraction(device, arena, precision, handle);
                }

                fault = $"cuBLAS {handle.Version} is of no use: {fault}";
            }
            catch (DeviceException e)
            {
                fault = $"cuBLAS is of no use: {e.Message.TrimEnd('.')}";
            }

            handle?.Dispose();
            if (obstacle.Length == 0)
                obstacle = fault;
        }

        if (obstacle.Length == 0)
            obstacle = "cuBLAS was not found";
        return null;
    }

    /// <summary>What computes the dense products of a CUDA device, in a few words for people.</summary>
    public static string Describe(Device device)
    {
        using Arena arena = new(device);
        using CuBlasContraction? rounded = TryCreate(device, arena, ContractionPrecision.BFloat16, out string noRounded);
        if (rounded != null)
            return $"cuBLAS {rounded.Version}, fp32 and bf16";
        using CuBlasContraction? single = TryCreate(device, arena, ContractionPrecision.Single, out string noSingle);
        return single != null ? $"cuBLAS {single.Version}, fp32; no bf16: {noRounded}" : $"ILGPU kernels, fp32; {noSingle}";
    }

    /// <inheritdoc/>
    public bool ReadsBFloat16(in LinearShape shape) => precision == ContractionPrecision.BFloat16 && !shape.IsExact && Serves(shape);

    /// <inheritdoc/>
    public void Linear<TEpilogue>(in LinearShape shape, Operand x, Operand w, Operand bias, ArrayView<float> y, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise
    {
        if (!Serves(shape))
        {
            tiled.Linear(shape, x, w, bias, y, epilogue);
            return;
        }

        Multiply(new ProductShape(1, shape.Rows, shape.Outputs, shape.Inputs) { TransposedB = true, IsExact = shape.IsExact }, x, w, y);
        if (bias.IsPresent)
        {
            TiledParts sum = new() { Parts = y, Target = y, Bias = bias.Values, BiasMask = TiledLayout.Mask(bias), Count = 1, Inner = 1, Channels = shape.Outputs };
            device.RunItems(sum, y.Length, 2);
        }

        Finish(epilogue, y);
    }

    /// <inheritdoc/>
    public void LinearTransposed<TEpilogue>(in LinearShape shape, Operand y, Operand w, ArrayView<float> x, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise
    {
        if (!Serves(shape))
        {
            tiled.LinearTransposed(shape, y, w, x, epilogue);
            return;
        }

        Multiply(new ProductShape(1, shape.Rows, shape.Inputs, shape.Outputs) { IsExact = shape.IsExact }, y, w, x);
        Finish(epilogue, x);
    }

    /// <inheritdoc/>
    public void Convolution<TEpilogue>(in ConvolutionShape shape, Operand x, Operand w, Operand bias, ArrayView<float> y, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise => tiled.Convolution(shape, x, w, bias, y, epilogue);

    /// <inheritdoc/>
    public void ConvolutionTransposed<TEpilogue>(in ConvolutionShape shape, Operand y, Operand w, Operand bias, ArrayView<float> x, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise => tiled.ConvolutionTransposed(shape, y, w, bias, x, epilogue);

    /// <inheritdoc/>
    public void Products<TEpilogue>(in ProductShape shape, Operand a, Operand b, ArrayView<float> c, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise
    {
        if (shape.IsEmpty || !Serves(shape.Rows, shape.Columns, shape.Depth))
        {
            tiled.Products(shape, a, b, c, epilogue);
            return;
        }

        Multiply(shape, a, b, c);
        if (shape.IsGapless)
            Finish(epilogue, c.SubView(0, shape.Batch * shape.StrideC));
    }

    /// <summary>Frees what cuBLAS holds.</summary>
    public void Dispose() => handle.Dispose();

    private static bool Serves(in LinearShape shape) => shape.Rows > TiledContraction.FewRows && Serves(shape.Rows, shape.Outputs, shape.Inputs);

    // cuBLAS counts in 32 bits.
    private static bool Serves(long rows, long columns, long depth) =>
        depth > 0 && Math.Max(rows, columns) * depth <= int.MaxValue && rows * columns <= int.MaxValue && rows * columns > 0;

    private void Multiply(in ProductShape shape, Operand a, Operand b, ArrayView<float> c)
    {
        ContractionPrecision operands = shape.IsExact ? ContractionPrecision.Single : precision;
        long last = shape.Batch - 1;
        using CuBlasOperand left = CuBlasOperand.Of(device, arena, a, (last * shape.StrideA) + ((long)shape.Rows * shape.Depth), operands);
        using CuBlasOperand right = CuBlasOperand.Of(device, arena, b, (last * shape.StrideB) + ((long)shape.Depth * shape.Columns), operands);
        handle.Multiply(shape, left.View, right.View, c, operands);
    }

    private void Finish<TEpilogue>(TEpilogue epilogue, ArrayView<float> values)
        where TEpilogue : struct, IElementwise
    {
        if (typeof(TEpilogue) != typeof(NoEpilogue))
            device.Run(epilogue, values.Length);
    }
}
