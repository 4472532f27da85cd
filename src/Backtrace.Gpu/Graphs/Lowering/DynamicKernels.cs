using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Graphs;

// Convolutions whose weight or bias is computed from the input: of a weight, the product of two dynamic tensors that it is; a bias is a summand.
internal static partial class Lowerings
{
    private static void ConvolveByDynamicWeight(OperatorCall call, int axes)
    {
        if (axes > 2)
        {
            call.Refuse("has a weight that depends on the input: multiply it with windows of the input by matmul");
            return;
        }

        call.Rewrite(() =>
        {
            Tensor x = Padded(call, axes), weight = call.Read(1);
            long groups = call[6].Integer;
            if (x.dim() < axes + 2)
                x = x.unsqueeze(0);
            Tensor columns = F.unfold(axes == 1 ? x.unsqueeze(2) : x, Plane(weight.shape[2..]), dilation: Plane(Spatial(call[5], axes)), stride: Plane(Spatial(call[3], axes)));
            columns = columns.reshape(x.shape[0], groups, columns.shape[1] / groups, columns.shape[2]);
            return WithBias(call, weight.reshape(groups, weight.shape[0] / groups, -1).matmul(columns).reshape(call.Output.Sizes), axes);
        });
    }

    private static void AddDynamicBias(OperatorCall call, int axes) => call.Rewrite(() =>
    {
        Tensor x = Padded(call, axes), weight = call.Read(1);
        long[] stride = Spatial(call[3], axes), dilation = Spatial(call[5], axes), padding = new long[axes];
        long groups = call[6].Integer;
        return WithBias(call, axes switch
        {
            1 => F.conv1d(x, weight, null, stride[0], padding[0], dilation[0], groups),
            2 => F.conv2d(x, weight, null, stride, padding, dilation, groups),
            _ => F.conv3d(x, weight, null, stride, padding, dilation, groups),
        }, axes);
    });

    private static void AddDynamicBiasTransposed(OperatorCall call, int axes) => call.Rewrite(() =>
    {
        Tensor x = call.Read(0), weight = call.Read(1);
        long[] stride = Spatial(call[3], axes), padding = Spatial(call[4], axes), extra = Spatial(call[5], axes), dilation = Spatial(call[7], axes);
        long groups = call[6].Integer;
        return WithBias(call, axes switch
        {
            1 => F.conv_transpose1d(x, weight, null, stride[0], padding[0], extra[0], dilation[0], groups),
            2 => F.conv_transpose2d(x, weight, null, stride, padding, extra, dilation, groups),
            _ => F.conv_transpose3d(x, weight, null, stride, padding, extra, dilation, groups),
        }, axes);
    });

    // padding="same" arrives as text and need not be symmetric.
    private static Tensor Padded(OperatorCall call, int axes)
    {
        long[] added = new long[2 * axes], kernel = call[1].Tensor.Sizes[2..], dilation = Spatial(call[5], axes);
        for (int axis = 0; axis < axes; axis++)
        {
            long before, after;
            if (call[4].Kind == ArgumentKind.List)
            {
                before = after = Spatial(call[4], axes)[axis];
            }
            else
            {
                bool same = call.Output.Sizes[^(axes - axis)] == call[0].Tensor.Sizes[^(axes - axis)];
                long all = same ? (kernel[axis] - 1) * dilation[axis] : 0;
                (before, after) = (all / 2, all - (all / 2));
            }

            (added[2 * (axes - 1 - axis)], added[(2 * (axes - 1 - axis)) + 1]) = (before, after); // the last axis comes first
        }

        return added.All(n => n == 0) ? call.Read(0) : F.pad(call.Read(0), added);
    }

    private static Tensor WithBias(OperatorCall call, Tensor result, int axes) =>
        call[2].IsTensor ? result + call.Read(2).reshape([-1, .. Enumerable.Repeat(1L, axes)]) : result;

    private static long[] Spatial(Argument argument, int axes) => [.. Spatial(argument.Integers, axes).Select(n => (long)n)];

    private static (long Rows, long Columns) Plane(long[] sizes) => sizes.Length == 1 ? (1, sizes[0]) : (sizes[0], sizes[1]);
}
