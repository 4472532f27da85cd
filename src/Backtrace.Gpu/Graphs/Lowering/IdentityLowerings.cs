using Backtrace.Gpu.Kernels.Rules;

namespace Backtrace.Gpu.Graphs;

internal static partial class Lowerings
{
    private static readonly string[] ActivationNames =
    [
        "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "tanh", "sigmoid", "hardtanh", "hardswish",
        "hardsigmoid", "softplus", "softsign", "tanhshrink", "softshrink", "hardshrink", "threshold", "prelu", "rrelu", "log_sigmoid",
        "log_softmax", "special_log_softmax", "softmin", "clamp", "clamp_min", "clamp_max",
        "exp", "log", "sqrt", "rsqrt", "reciprocal", "abs", "square", "erf", "sin", "cos", "neg", "pow",
    ];

    private static readonly string[] SoftmaxNames = ["softmax", "special_softmax", "_softmax"];

    private static readonly string[] NormalisationNames =
        ["layer_norm", "group_norm", "instance_norm", "rms_norm"];

    // Same entries in the same row-major order.
    private static readonly string[] ReshapeNames =
        ["view", "reshape", "_reshape_alias", "_unsafe_view", "flatten", "unflatten", "squeeze", "unsqueeze", "contiguous", "clone", "alias", "detach", "to", "_to_copy", "type_as", "view_as", "reshape_as", "float", "lift_fresh"];

    private static readonly HashSet<string> WithoutRelevance =
    [
        "argmax", "argmin", "argsort", "nonzero", "bincount", "eq", "ne", "lt", "le", "gt", "ge", "isnan", "isinf", "isfinite", "logical_not", "logical_and", "logical_or",
        "zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like", "new_zeros", "new_ones", "new_empty", "new_full", "sign", "bernoulli",
    ];

    private static void RegisterIdentities(Dictionary<string, Lowering> table)
    {
        RegisterAll(table, ActivationNames, static call => call.EmitIdentity(call.Label));
        RegisterAll(table, SoftmaxNames, static call => call.EmitIdentity(new Softmax((int)call[1].Integer, call.Label)));
        RegisterAll(table, NormalisationNames, static call => call.EmitIdentity(call.Label));
        table.Add("batch_norm", NormaliseBatch);
        table["layer_norm"] = NormaliseLayer;
        RegisterAll(table, ReshapeNames, static call => call.EmitIdentity(call.Label));
        RegisterAll(table, [.. WithoutRelevance], static call => call.EmitNothing());
        RegisterAll(table, ["dropout", "feature_dropout", "alpha_dropout", "native_dropout"], Dropout);
    }

    // (input, weight?, bias?, running mean, running variance, training, momentum, eps). Samples of a batch must not influence each other.
    private static void NormaliseBatch(OperatorCall call)
    {
        if (call[5].Boolean)
            call.Refuse("is in training mode: samples of the batch would influence each other. Call eval() on it");
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
            call.Refuse("is in training mode and would make the explanation random: call eval() on it");
        else
            call.EmitIdentity("Dropout");
    }
}
