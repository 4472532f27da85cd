using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Rules;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Graphs;

internal static partial class Lowerings
{
    /// <summary>True if an in-place addition is the bias of the dense layer before it.</summary>
    public static bool WillFuseBias(Argument[] arguments) => FusedLayer(arguments) != null;

    private static void RegisterAffine(Dictionary<string, Lowering> table)
    {
        table.Add("linear", static call => Dense(call, call[0], call[1], call[2], transposed: false));
        table.Add("addmm", AddMatrixProduct);
        table.Add("addmv", static call => AddProduct(call, static (a, b) => a.mv(b)));
        table.Add("addr", static call => AddProduct(call, static (a, b) => a.outer(b)));
        table.Add("addbmm", static call => AddProduct(call, static (a, b) => a.bmm(b).sum([0L])));
        table.Add("baddbmm", static call => AddProduct(call, static (a, b) => a.bmm(b)));
        RegisterAll(table, ["dot", "vdot"], static call => MatrixProductOf(call, call[0].Tensor, call[1].Tensor));
        table.Add("bilinear", Bilinear);
        RegisterAll(table, ["mm", "mv", "matmul"], Multiply);
        RegisterAll(table, ["conv1d", "conv2d", "conv3d"], Convolve);
        RegisterAll(table, ["conv_transpose1d", "conv_transpose2d", "conv_transpose3d"], ConvolveTransposed);
        RegisterAll(table, ["convolution", "_convolution"], ConvolveEitherWay);
    }

    // A constant matrix from the right is a layer.
    private static void Multiply(OperatorCall call)
    {
        if (call[1].Tensor is { IsDynamic: false, Sizes.Length: 2 } && call[0].Tensor.IsDynamic)
            Dense(call, call[0], call[1], Argument.None, transposed: true);
        else
            MatrixProductOf(call, call[0].Tensor, call[1].Tensor);
    }

    private static void AddMatrixProduct(OperatorCall call)
    {
        Value added = call[0].Tensor;
        bool isBias = !added.IsDynamic && added.Sizes is [var units] && units == call.Output.Sizes[^1];
        if (isBias && Factor(call[3]) == 1 && Factor(call[4]) == 1 && call[1].Tensor.IsDynamic && !call[2].Tensor.IsDynamic)
            Dense(call, call[1], call[2], call[0], transposed: true);
        else
            AddProduct(call, static (a, b) => a.mm(b));
    }

    // beta·added + alpha·(a · b)
    private static void AddProduct(OperatorCall call, Func<Tensor, Tensor, Tensor> multiply) => call.Rewrite(() =>
    {
        (double beta, double alpha) = (Factor(call[3]), Factor(call[4]));
        Tensor product = multiply(call.Read(1), call.Read(2));
        if (alpha != 1)
            product *= alpha;
        return beta == 0 ? product : product + (beta == 1 ? call.Read(0) : call.Read(0) * beta);
    });

    // (a, b, weight [O, I, J], bias?): a dense layer on the products of all pairs of entries.
    private static void Bilinear(OperatorCall call)
    {
        if (call[2].Tensor.IsDynamic)
            call.Refuse("has a weight that depends on the input");
        else
            call.Rewrite(() => nn.functional.linear((call.Read(0).unsqueeze(-1) * call.Read(1).unsqueeze(-2)).flatten(-2), call.Read(2).flatten(1), call[3].IsTensor ? call.Read(3) : null));
    }

    /// <summary>y = x · wᵀ + b; <paramref name="transposed"/>: the second factor is [I, J], usually a transposed view of a weight [J, I].</summary>
    private static void Dense(OperatorCall call, Argument x, Argument matrix, Argument bias, bool transposed)
    {
        Value weight = matrix.Tensor;
        if (weight.IsDynamic || !x.Tensor.IsDynamic || weight.Sizes.Length != 2)
        {
            call.Refuse("multiplies two tensors that both depend on the input, or is not a matrix product with a constant matrix");
            return;
        }

        if (transposed)
            weight = call.Transposed(weight);
        int inputs = (int)x.Tensor.Sizes[^1];
        int outputs = (int)call.Output.Sizes[^1];
        long rows = Kernels.Execution.DeviceTensor.Count(call.Output.Sizes) / outputs;
        call.Emit(
            new Linear(new LinearShape(checked((int)rows), inputs, outputs)),
            [x.Tensor],
            ("weight", new Argument(ArgumentKind.Tensor, 0, 0, weight, null)),
            ("bias", bias));
    }

    /// <summary>The dense layer without bias whose result is argument 0, if argument 1 is the bias that belongs to it.</summary>
    private static Node? FusedLayer(ReadOnlySpan<Argument> arguments)
    {
        if (arguments.Length < 2 || !arguments[0].IsTensor || !arguments[1].IsTensor)
            return null;
        Value bias = arguments[1].Tensor;
        return arguments[0].Tensor is { Uses: 0, Producer: { Operation: Linear linear, OutputValues.Length: 1 } node }
            && node.Parameter("bias") is null && !bias.IsDynamic && bias.Sizes.Length == 1 && bias.Sizes[0] == linear.Shape.Outputs
            && (arguments.Length < 3 || !arguments[2].IsNumber || arguments[2].Number == 1)
            ? node : null;
    }

    private static bool TryFuseBias(OperatorCall call)
    {
        if (FusedLayer([call[0], call[1], call[2]]) is { } layer)
            call.FuseInto(layer, "bias", call[1].Tensor);
        else if (FusedLayer([call[1], call[0], call[2]]) is { } second && call.Output.Sizes.Length > 1) // else it may be written into the bias
            call.FuseInto(second, "bias", call[0].Tensor);
        else
            return false;
        return true;
    }

    // (input, weight, bias, stride, padding, dilation, transposed, output padding, groups): what a traced convolution became.
    private static void ConvolveEitherWay(OperatorCall call)
    {
        if (call[6].Boolean)
            ConvolveTransposed(call.Rearranged(0, 1, 2, 3, 4, 7, 8, 5));
        else
            Convolve(call.Rearranged(0, 1, 2, 3, 4, 5, 8));
    }

    // (input, weight, bias, stride, padding, dilation, groups)
    private static void Convolve(OperatorCall call)
    {
        Value x = call[0].Tensor;
        Value weight = call[1].Tensor;
        int axes = weight.Sizes.Length - 2;
        if (weight.IsDynamic || !x.IsDynamic)
        {
            ConvolveByDynamicWeight(call, axes);
            return;
        }

        if (call[2].IsTensor && call[2].Tensor.IsDynamic)
        {
            AddDynamicBias(call, axes);
            return;
        }

        int[] dilation = Spatial(call[5].Integers, axes);
        int[] stride = Spatial(call[3].Integers, axes);
        int[] kernel = [.. weight.Sizes[2..].Select(k => (int)k)];
        int[] input = [.. x.Sizes[^axes..].Select(s => (int)s)];
        int[] output = [.. call.Output.Sizes[^axes..].Select(s => (int)s)];

        // padding="same" arrives as text: it adds (k-1)·dilation in all, the smaller half first; padding="valid" adds nothing.
        int[] padding = call[4].Kind == ArgumentKind.List
            ? Spatial(call[4].Integers, axes)
            : [.. kernel.Select((k, a) => output[a] == input[a] ? (k - 1) * dilation[a] / 2 : 0)];
        ConvolutionShape shape = new(
            x.Sizes.Length == axes + 2 ? (int)x.Sizes[0] : 1,
            (int)x.Sizes[^(axes + 1)],
            (int)weight.Sizes[0],
            (int)call[6].Integer,
            SpatialSize(x, axes),
            SpatialSize(call.Output, axes),
            ToSize3(kernel, 1),
            ToSize3(stride, 1),
            ToSize3(padding, 0),
            ToSize3(dilation, 1));
        call.Emit(new Convolution(shape, axes), [x], ("weight", call[1]), ("bias", call[2]));
    }

    // (input, weight [I, O/groups, kernel], bias, stride, padding, output padding, groups, dilation): the transpose of a convolution that
    // leads from the output back to the input.
    private static void ConvolveTransposed(OperatorCall call)
    {
        Value x = call[0].Tensor;
        Value weight = call[1].Tensor;
        if (weight.IsDynamic || !x.IsDynamic)
        {
            call.Refuse("has a weight that depends on the input: make the products of all taps by matmul, and add them up by fold");
            return;
        }

        int axes = weight.Sizes.Length - 2;
        if (call[2].IsTensor && call[2].Tensor.IsDynamic)
        {
            AddDynamicBiasTransposed(call, axes);
            return;
        }

        int groups = (int)call[6].Integer;
        ConvolutionShape shape = new(
            x.Sizes.Length == axes + 2 ? (int)x.Sizes[0] : 1,
            (int)weight.Sizes[1] * groups,
            (int)weight.Sizes[0],
            groups,
            SpatialSize(call.Output, axes),
            SpatialSize(x, axes),
            ToSize3([.. weight.Sizes[2..].Select(k => (int)k)], 1),
            ToSize3(Spatial(call[3].Integers, axes), 1),
            ToSize3(Spatial(call[4].Integers, axes), 0),
            ToSize3(Spatial(call[7].Integers, axes), 1));
        call.Emit(new TransposedConvolution(shape, axes), [x], ("weight", call[1]), ("bias", call[2]));
    }

    /// <summary>One entry per spatial axis, where libtorch may give a single one for all.</summary>
    private static int[] Spatial(int[] values, int axes) =>
        values.Length == axes ? values : [.. Enumerable.Repeat(values[0], axes)];

    /// <summary>Pads with leading axes.</summary>
    private static Size3 ToSize3(ReadOnlySpan<int> values, int filler) => values.Length switch
    {
        1 => new Size3(filler, filler, values[0]),
        2 => new Size3(filler, values[0], values[1]),
        _ => new Size3(values[0], values[1], values[2]),
    };
}
