using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Graphs;

internal static partial class Lowerings
{
    private static readonly string[] ActivationNames =
    [
        "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "tanh", "sigmoid", "hardtanh", "hardswish",
        "hardsigmoid", "softplus", "softsign", "tanhshrink", "softshrink", "hardshrink", "threshold", "rrelu", "log_sigmoid",
        "log_softmax", "special_log_softmax", "softmin", "clamp", "clamp_max",
        "exp", "exp2", "special_exp2", "expm1", "special_expm1", "log", "log2", "log10", "log1p", "sqrt", "rsqrt", "reciprocal", "abs", "square", "neg", "frac",
        "sin", "cos", "tan", "sinh", "cosh", "arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh", "asin", "acos", "atan", "asinh", "acosh", "atanh", "sinc",
        "special_sinc", "erf", "special_erf", "erfc", "special_erfc", "erfinv", "special_erfinv", "logit", "special_logit", "special_expit", "floor", "ceil", "round",
        "trunc", "fix", "nan_to_num", "deg2rad", "rad2deg", "remainder", "fmod", "floor_divide", "copysign",
        "lgamma", "digamma", "special_gammaln", "special_digamma", "special_entr", "special_ndtr", "special_log_ndtr",
    ];

    /// <summary>Functions whose result at an entry depends on that entry alone.</summary>
    internal static IEnumerable<string> ElementwiseNames => ActivationNames.Except(["log_softmax", "special_log_softmax", "softmin"]).Concat(["prelu", "atan2", "arctan2"]);

    private static readonly string[] SoftmaxNames = ["softmax", "special_softmax", "_softmax"];

    private static readonly string[] NormalisationNames =
        ["layer_norm", "group_norm", "instance_norm", "rms_norm"];

    // Same entries in the same row-major order.
    private static readonly string[] ReshapeNames =
        ["view", "reshape", "_reshape_alias", "_unsafe_view", "flatten", "unflatten", "squeeze", "unsqueeze", "contiguous", "clone", "alias", "detach", "to", "_to_copy", "type_as", "view_as", "reshape_as", "float", "lift_fresh"];

    private static readonly HashSet<string> WithoutRelevance =
    [
        "argmax", "argmin", "argsort", "nonzero", "bincount", "eq", "ne", "lt", "le", "gt", "ge", "isnan", "isinf", "isfinite", "logical_not", "logical_and", "logical_or",
        "heaviside", "bucketize", "searchsorted", "count_nonzero", "zeros",
        "zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like", "new_zeros", "new_ones", "new_empty", "new_full", "sign", "sgn", "bernoulli",
    ];

    private static void RegisterIdentities(Dictionary<string, Lowering> table)
    {
        RegisterAll(table, ActivationNames, static call => call.EmitIdentity(call.Label));
        RegisterAll(table, ["pow", "float_power"], Raise);
        table.Add("clamp_min", static call => call.EmitIdentity(call[1].IsNumber ? new LowerLimit(call[1].Number, call.Label) : new Identity(call.Label)));
        RegisterAll(table, SoftmaxNames, static call => call.EmitIdentity(new Softmax((int)call[1].Integer, call.Label)));
        table.Add("prelu", ActivateWithSlopes);
        RegisterAll(table, ["atan2", "arctan2"], TakeAngle);
        RegisterAll(table, NormalisationNames, Normalise);
        table.Add("batch_norm", NormaliseBatch);
        table.Add("renorm", LimitNorms);
        RegisterAll(table, ReshapeNames, static call => call.EmitIdentity(call.Label));
        RegisterAll(table, [.. WithoutRelevance], static call => call.EmitNothing());
        RegisterAll(table, ["dropout", "feature_dropout", "alpha_dropout", "native_dropout"], Dropout);
    }

    // A constant to the power of x is a function of x, too.
    private static void Raise(OperatorCall call)
    {
        bool isExponential = !call[0].IsTensor || (!call[0].Tensor.IsDynamic && call[1].Tensor.Sizes.SequenceEqual(call.Output.Sizes));
        if (isExponential)
            call.Emit(new Identity(call.Label), [call[1].Tensor]);
        else
            call.EmitIdentity(call[1].IsNumber ? new Power(call[1].Number) : new Identity(call.Label));
    }

    // (x, slopes): entries below 0 are products with a slope.
    private static void ActivateWithSlopes(OperatorCall call)
    {
        if (call[1].Tensor.IsDynamic)
            call.Rewrite(() => call.Read(0).clamp_min(0) + call.Read(0).clamp_max(0) * Slopes(call));
        else
            call.EmitIdentity(call.Label);
    }

    // One for all entries, or one per channel.
    private static Tensor Slopes(OperatorCall call)
    {
        int rank = call.Output.Sizes.Length;
        return DeviceTensor.Count(call[1].Tensor.Sizes) == 1 || rank < 2 ? call.Read(1) : call.Read(1).reshape([-1, .. Enumerable.Repeat(1L, rank - 2)]);
    }

    // (y, x): a function of y / x.
    private static void TakeAngle(OperatorCall call)
    {
        Value y = call[0].Tensor, x = call[1].Tensor;
        if (x.IsDynamic)
            call.Emit(new Multiply([y.IsDynamic, true], call.Label), [y, x]);
        else
            call.EmitIdentity(call.Label);
    }

    // With a weight or bias that depends on the input, the product and the sum behind the normalisation are operators like others.
    private static void Normalise(OperatorCall call)
    {
        bool isPerChannel = call.Label is "group_norm" or "instance_norm";
        (Argument weight, Argument bias) = call.Label switch
        {
            "instance_norm" => (call[1], call[2]),
            "rms_norm" => (call[2], Argument.None),
            _ => (call[2], call[3]),
        };
        if ((weight.IsTensor && weight.Tensor.IsDynamic) || (bias.IsTensor && bias.Tensor.IsDynamic))
            call.Rewrite(() =>
            {
                Tensor x = call.Read(0), y = Normalised(call, x);
                Tensor Aligned(Tensor t) => isPerChannel ? t.reshape([-1, .. Enumerable.Repeat(1L, (int)x.dim() - 2)]) : t;
                if (weight.IsTensor)
                    y *= Aligned(weight.Tensor.ToTensor());
                return bias.IsTensor ? y + Aligned(bias.Tensor.ToTensor()) : y;
            });
        else if (call.Label == "layer_norm")
            NormaliseLayer(call);
        else
            call.EmitIdentity(call.Label);
    }

    private static Tensor Normalised(OperatorCall call, Tensor x) => call.Label switch
    {
        "layer_norm" => functional.layer_norm(x, [.. call[1].Integers.Select(size => (long)size)], eps: call[4].Number),
        "group_norm" => functional.group_norm(x, call[1].Integer, eps: call[4].Number),
        "instance_norm" => functional.instance_norm(x, eps: call[7].Number),
        _ => x * (x.square().mean([.. call[1].Integers.Select((_, k) => -1L - k)], true) + (call[3].IsNumber ? call[3].Number : 1.1920929e-7)).rsqrt(),
    };

    // (input, weight?, bias?, running mean, running variance, training, momentum, eps). Samples of a batch must not influence each other.
    private static void NormaliseBatch(OperatorCall call)
    {
        if (call[5].Boolean)
            call.Refuse(
                "normalises by the batch, through which samples would influence each other: "
                + (call[3].IsTensor ? "it is in training mode. Call eval() on it" : "it has no running statistics (track_running_stats: false). Use one that has"));
        else
            call.EmitIdentity(new BatchNormalisation(call[7].Number), ("weight", call[1]), ("bias", call[2]), ("mean", call[3]), ("variance", call[4]));
    }

    // (self, order, axis, largest norm): each slice along the axis is divided by its norm, or stays as it is.
    private static void LimitNorms(OperatorCall call)
    {
        if (AxisOf(call[2], call[0].Tensor.Sizes.Length) == 0 || call.Samples == 1)
            call.EmitIdentity(call.Label);
        else
            call.Refuse("takes norms over the samples of the batch, through which they would influence each other: limit the norms along axis 0");
    }

    // (input, normalized_shape, weight?, bias?, eps, ...)
    private static void NormaliseLayer(OperatorCall call)
    {
        long length = call[1].Integers.Aggregate(1L, (product, size) => product * size);
        call.EmitIdentity(new LayerNormalisation(length, call[4].Number), ("weight", call[2]), ("bias", call[3]));
    }

    private static void Dropout(OperatorCall call)
    {
        if (call[2].Boolean)
            call.Refuse("is in training mode and would make the explanation random: call eval() on it, or leave its training off");
        else
            call.EmitIdentity("Dropout");
    }
}
