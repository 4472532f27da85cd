using Backtrace.Gpu.Kernels.Rules;

namespace Backtrace.Gpu.Graphs;

internal static partial class Lowerings
{
    private static readonly string[] ActivationNames =
    [
        "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "tanh", "sigmoid", "hardtanh", "hardswish",
        "hardsigmoid", "softplus", "softsign", "tanhshrink", "softshrink", "hardshrink", "threshold", "prelu", "rrelu", "log_sigmoid",
        "log_softmax", "special_log_softmax", "softmin", "clamp", "clamp_max",
        "exp", "exp2", "special_exp2", "expm1", "special_expm1", "log", "log2", "log10", "log1p", "sqrt", "rsqrt", "reciprocal", "abs", "square", "neg", "frac",
        "sin", "cos", "tan", "sinh", "cosh", "arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh", "asin", "acos", "atan", "asinh", "acosh", "atanh", "sinc",
        "special_sinc", "erf", "special_erf", "erfc", "special_erfc", "erfinv", "special_erfinv", "logit", "special_logit", "special_expit", "floor", "ceil", "round",
        "trunc", "fix", "nan_to_num", "deg2rad", "rad2deg", "remainder", "fmod", "floor_divide", "atan2", "arctan2", "copysign",
        "lgamma", "digamma", "special_gammaln", "special_digamma", "special_entr", "special_ndtr", "special_log_ndtr",
    ];

    /// <summary>Functions whose result at an entry depends on that entry alone.</summary>
    internal static IEnumerable<string> ElementwiseNames => ActivationNames.Except(["log_softmax", "special_log_softmax", "softmin"]);

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
        RegisterAll(table, NormalisationNames, static call => call.EmitIdentity(call.Label));
        table.Add("batch_norm", NormaliseBatch);
        table["layer_norm"] = NormaliseLayer;
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
