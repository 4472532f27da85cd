using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>
/// Contractions as ILGPU kernels for OpenCL and for CUDA without a vendor's library: tiles in shared memory, convolutions as products with
/// a matrix of windows that is never written down, and kernels that read the weights once where there are few rows. fp32 throughout, no
/// atomics: the same operands give the same bits.
/// </summary>
public sealed class TiledContraction(Device device, Arena arena) : IContraction
{
    /// <summary>From this many rows on, tiles are faster than reading the weights once per four rows.</summary>
    internal const int FewRows = 4;

    /// <summary>Groups of fewer channels leave most of a tile empty.</summary>
    private const int NarrowGroup = 8;

    /// <summary>Products of fewer tiles are cut along the sum as well, to occupy the device.</summary>
    internal int TilesWanted { get; init; } = 2 * device.Accelerator.NumMultiprocessors;

    /// <inheritdoc/>
    public void Linear<TEpilogue>(in LinearShape shape, Operand x, Operand w, Operand bias, ArrayView<float> y, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise
    {
        if (shape.Rows == 1)
            RowDots<OneVector>(shape, x, w, bias, y);
        else if (shape.Rows <= FewRows)
            RowDots<FourVectors>(shape, x, w, bias, y);
        else
        {
            Multiply(
                new StepsInnermost { Values = x.Values, Mask = TiledLayout.Mask(x), Lines = shape.Rows, Depth = shape.Inputs },
                new StepsInnermost { Values = w.Values, Mask = TiledLayout.Mask(w), Lines = shape.Outputs, Depth = shape.Inputs },
                Target(1, shape.Rows, shape.Outputs, shape.Outputs, bias, ofColumns: true, y),
                shape.Inputs);
        }

        Finish(epilogue, y);
    }

    /// <inheritdoc/>
    public void LinearTransposed<TEpilogue>(in LinearShape shape, Operand y, Operand w, ArrayView<float> x, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise
    {
        if (shape.Rows == 1)
            ColumnSums<OneVector>(shape, y, w, x);
        else if (shape.Rows <= FewRows)
            ColumnSums<FourVectors>(shape, y, w, x);
        else
        {
            Multiply(
                new StepsInnermost { Values = y.Values, Mask = TiledLayout.Mask(y), Lines = shape.Rows, Depth = shape.Outputs },
                new LinesInnermost { Values = w.Values, Mask = TiledLayout.Mask(w), Lines = shape.Inputs, Depth = shape.Outputs },
                Target(1, shape.Rows, shape.Inputs, shape.Inputs, Operand.None, ofColumns: true, x),
                shape.Outputs);
        }

        Finish(epilogue, x);
    }

    /// <inheritdoc/>
    public void Convolution<TEpilogue>(in ConvolutionShape shape, Operand x, Operand w, Operand bias, ArrayView<float> y, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise
    {
        int rows = shape.OutChannels / shape.Groups;
        int channels = shape.InChannels / shape.Groups;
        if (rows < NarrowGroup && shape.Groups > 1)
        {
            Taps<Forward>(shape, x, w, bias, y, channels, rows, 1, channels);
        }
        else
        {
            int depth = channels * shape.Kernel.Volume;
            Multiply(
                new StepsInnermost { Values = w.Values, Mask = TiledLayout.Mask(w), Lines = rows, Depth = depth, Stride = (long)rows * depth },
                Windows<Forward>(shape, x, channels),
                Target(shape.Groups, rows, (long)shape.Batch * shape.Output.Volume, shape.Output.Volume, bias, ofColumns: false, y),
                depth);
        }

        Finish(epilogue, y);
    }

    /// <inheritdoc/>
    public void ConvolutionTransposed<TEpilogue>(in ConvolutionShape shape, Operand y, Operand w, Operand bias, ArrayView<float> x, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise
    {
        int rows = shape.InChannels / shape.Groups;
        int channels = shape.OutChannels / shape.Groups;
        if (rows < NarrowGroup && shape.Groups > 1)
        {
            Taps<Backward>(shape, y, w, bias, x, channels, rows, rows, 1);
        }
        else
        {
            int depth = channels * shape.Kernel.Volume;
            Multiply(
                new TransposedWeights { Values = w.Values, Mask = TiledLayout.Mask(w), Lines = rows, Depth = depth, Taps = shape.Kernel.Volume },
                Windows<Backward>(shape, y, channels),
                Target(shape.Groups, rows, (long)shape.Batch * shape.Input.Volume, shape.Input.Volume, bias, ofColumns: false, x),
                depth);
        }

        Finish(epilogue, x);
    }

    /// <inheritdoc/>
    public void Products<TEpilogue>(in ProductShape shape, Operand a, Operand b, ArrayView<float> c, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise
    {
        // A grid has at most 65535 groups along its second axis.
        for (int first = 0; first < shape.Batch && !shape.IsEmpty; first += ushort.MaxValue)
        {
            ProductShape part = shape with { Batch = Math.Min(shape.Batch - first, ushort.MaxValue) };
            Operand left = a with { Values = a.Values.SubView(first * shape.StrideA) };
            Operand right = b with { Values = b.Values.SubView(first * shape.StrideB) };
            ArrayView<float> target = c.SubView(first * shape.StrideC);
            if (shape.TransposedA)
                Multiply(part, LinesInnermost(left, shape.Rows, shape.Depth, shape.StrideA), right, target);
            else
                Multiply(part, StepsInnermost(left, shape.Rows, shape.Depth, shape.StrideA), right, target);
        }

        if (!shape.IsEmpty && shape.IsGapless)
            Finish(epilogue, c.SubView(0, shape.Batch * shape.StrideC));
    }

    private void Multiply<TLeft>(in ProductShape shape, TLeft left, Operand right, ArrayView<float> c)
        where TLeft : struct, ITiledLeft
    {
        if (shape.TransposedB)
            Multiply(shape, left, StepsInnermost(right, shape.Columns, shape.Depth, shape.StrideB), c);
        else
            Multiply(shape, left, LinesInnermost(right, shape.Columns, shape.Depth, shape.StrideB), c);
    }

    private void Multiply<TLeft, TRight>(in ProductShape shape, TLeft left, TRight right, ArrayView<float> c)
        where TLeft : struct, ITiledLeft
        where TRight : struct, ITiledRight
    {
        TiledTarget target = new()
        {
            Values = c,
            Bias = c,
            Groups = shape.Batch,
            Rows = shape.Rows,
            Columns = shape.Columns,
            Inner = shape.Columns,
            Gap = shape.StrideC - (long)shape.Rows * shape.Columns,
            Accumulates = shape.Accumulates ? 1 : 0,
        };
        long columnTiles = Tiles(target.Columns);
        TiledProduct<TLeft, TRight> product = new() { Left = left, Right = right, Target = target, Depth = shape.Depth, ColumnTiles = checked((int)columnTiles) };
        device.RunGroups(product, new Index3D(checked((int)(Tiles(target.Rows) * columnTiles)), shape.Batch, 1), TiledLayout.Threads);
    }

    private static StepsInnermost StepsInnermost(Operand operand, int lines, int depth, long stride) =>
        new() { Values = operand.Values, Mask = TiledLayout.Mask(operand), Lines = lines, Depth = depth, Stride = stride };

    private static LinesInnermost LinesInnermost(Operand operand, int lines, int depth, long stride) =>
        new() { Values = operand.Values, Mask = TiledLayout.Mask(operand), Lines = lines, Depth = depth, Stride = stride };

    private static Windows<TDirection> Windows<TDirection>(in ConvolutionShape shape, Operand image, int channels)
        where TDirection : struct, ITapDirection =>
        new() { Values = image.Values, Mask = TiledLayout.Mask(image), Shape = shape, Channels = channels, Tap = TapCounter.Of(shape.Kernel) };

    private static TiledTarget Target(int groups, long rows, long columns, long inner, Operand bias, bool ofColumns, ArrayView<float> values) => new()
    {
        Values = values.SubView(0, groups * rows * columns),
        Bias = bias.IsPresent ? bias.Values : values,
        BiasMask = TiledLayout.Mask(bias),
        BiasOfColumns = ofColumns ? 1 : 0,
        Groups = groups,
        Rows = rows,
        Columns = columns,
        Inner = inner,
    };

    private void Multiply<TLeft, TRight>(TLeft left, TRight right, TiledTarget target, int depth)
        where TLeft : struct, ITiledLeft
        where TRight : struct, ITiledRight
    {
        long columnTiles = Tiles(target.Columns);
        long tiles = Tiles(target.Rows) * columnTiles;
        int parts = tiles * target.Groups < TilesWanted ? (depth + TiledLayout.Chunk - 1) / TiledLayout.Chunk : 1;
        TiledProduct<TLeft, TRight> product = new() { Left = left, Right = right, Target = target, Depth = depth, ColumnTiles = checked((int)columnTiles) };
        Index3D grid = new(checked((int)tiles), target.Groups, parts);
        if (parts == 1)
        {
            device.RunGroups(product, grid, TiledLayout.Threads);
            return;
        }

        Block scratch = arena.Rent(parts * target.Values.Length);
        product.Target.Values = scratch.View;
        product.Target.BiasMask = 0;
        device.RunGroups(product, grid, TiledLayout.Threads);
        SumParts(scratch, parts, target);
    }

    private static long Tiles(long lines) => (lines + TiledLayout.Lines - 1) / TiledLayout.Lines;

    private void SumParts(Block scratch, int parts, in TiledTarget target)
    {
        bool ofColumns = target.BiasOfColumns != 0;
        TiledParts sum = new()
        {
            Parts = scratch.View,
            Target = target.Values,
            Bias = target.Bias,
            BiasMask = target.BiasMask,
            Count = parts,
            Inner = ofColumns ? 1 : target.Inner,
            Channels = ofColumns ? target.Columns : target.Groups * target.Rows,
        };
        device.RunItems(sum, target.Values.Length, parts);
        scratch.Release();
    }

    private void RowDots<TCount>(in LinearShape shape, Operand x, Operand w, Operand bias, ArrayView<float> y)
        where TCount : struct, IVectorCount
    {
        TiledRowDots<TCount> kernel = new()
        {
            X = x.Values,
            W = w.Values,
            Bias = bias.IsPresent ? bias.Values : w.Values,
            Y = y,
            MaskX = TiledLayout.Mask(x),
            MaskW = TiledLayout.Mask(w),
            BiasMask = TiledLayout.Mask(bias),
            Vectors = shape.Rows,
            Inputs = shape.Inputs,
            Outputs = shape.Outputs,
        };
        int groups = (shape.Outputs + TiledRowDots<TCount>.RowsPerGroup - 1) / TiledRowDots<TCount>.RowsPerGroup;
        device.RunGroups(kernel, new Index3D(groups, 1, 1), TiledLayout.Threads);
    }

    private void ColumnSums<TCount>(in LinearShape shape, Operand y, Operand w, ArrayView<float> x)
        where TCount : struct, IVectorCount
    {
        int columnGroups = (shape.Inputs + TiledLayout.Threads - 1) / TiledLayout.Threads;

        // About a thousand groups, whatever the number of vectors, so that sums do not depend on it.
        int rowsPerPart = (int)Math.Clamp((long)shape.Outputs * columnGroups / 1024 & ~3L, 16, 256);
        int parts = (shape.Outputs + rowsPerPart - 1) / rowsPerPart;
        TiledColumnSums<TCount> kernel = new()
        {
            Y = y.Values,
            W = w.Values,
            X = x,
            MaskY = TiledLayout.Mask(y),
            MaskW = TiledLayout.Mask(w),
            Vectors = shape.Rows,
            RowsPerPart = rowsPerPart,
            Inputs = shape.Inputs,
            Outputs = shape.Outputs,
        };
        Block? scratch = parts > 1 ? arena.Rent(parts * x.Length) : null;
        if (scratch != null)
            kernel.X = scratch.View;
        device.RunGroups(kernel, new Index3D(columnGroups, parts, 1), TiledLayout.Threads);
        if (scratch != null)
            SumParts(scratch, parts, Target(1, shape.Rows, shape.Inputs, shape.Inputs, Operand.None, ofColumns: true, x));
    }

    private void Taps<TDirection>(
        in ConvolutionShape shape, Operand image, Operand w, Operand bias, ArrayView<float> target, int channels, int rows, int channelStride, int rowStride)
        where TDirection : struct, ITapDirection
    {
        TiledTaps<TDirection> kernel = new()
        {
            Image = image.Values,
            Weights = w.Values,
            Bias = bias.IsPresent ? bias.Values : w.Values,
            Target = target,
            MaskImage = TiledLayout.Mask(image),
            MaskWeights = TiledLayout.Mask(w),
            BiasMask = TiledLayout.Mask(bias),
            Shape = shape,
            Channels = channels,
            Rows = rows,
            ChannelStride = channelStride,
            RowStride = rowStride,
        };
        device.RunItems(kernel, target.Length, 2L * channels * shape.Kernel.Volume);
    }

    private void Finish<TEpilogue>(TEpilogue epilogue, ArrayView<float> values)
        where TEpilogue : struct, IElementwise
    {
        if (typeof(TEpilogue) != typeof(NoEpilogue))
            device.Run(epilogue, values.Length);
    }
}
