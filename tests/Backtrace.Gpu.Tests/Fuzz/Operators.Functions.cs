using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Tests.Fuzz;

// Functions of one tensor that hand on what they get, as activations and normalisations do.
internal static partial class Operators
{
    private static Action<Sketch>[] Functions =>
    [
        s => Function(s, "relu", x => x.relu(), isLinear: true),
        s => Function(s, "relu", x => F.relu(x), isLinear: true),
        s => Function(s, "leaky_relu", x => F.leaky_relu(x, 0.1), isLinear: true),
        s => Function(s, "abs", x => x.abs(), isLinear: true),
        s => Function(s, "gelu", x => F.gelu(x)),
        s => Function(s, "silu", x => F.silu(x)),
        s => Function(s, "tanh", x => x.tanh()),
        s => Function(s, "sigmoid", x => x.sigmoid()),
        s => Function(s, "softplus", x => F.softplus(x)),
        s => Function(s, "elu", x => F.elu(x, 1.1)),
        s => Function(s, "hardswish", x => F.hardswish(x)),
        s => Function(s, "clamp", x => x.clamp(-1, 0.8)),
        s => Function(s, "exp", x => x.clamp(-4, 4).exp()),
        s => Function(s, "log", x => (x.abs().exp()).log()),
        s => Function(s, "softmax", x => x.softmax(-1)),
        s => Function(s, "softmax over the first axis but the batch", x => x.softmax(x.ndim > 1 ? 1 : 0)),
        s => Function(s, "log_softmax", x => x.log_softmax(-1)),
        s => Function(s, "layer_norm", x => F.layer_norm(x, [x.shape[^1]])),
        Standardise,
        RootMeanSquare,
        s => Function(s, "to double and back", x => x.to(ScalarType.Float64).to(x.dtype), isLinear: true),
        s => Function(s, "dropout", x => F.dropout(x, 0.5, training: false), isLinear: true),
        s => Function(s, "pow 2", x => x.clamp(-9, 9).pow(2)),
        Slopes,
    ];

    private static void Function(Sketch s, string text, Func<Tensor, Tensor> run, bool isLinear = false)
    {
        int v = s.Any(t => t.ndim > 0);
        if (v >= 0)
            s.Add(text, v, run, References.Identity, isLinear, mixes: s.Values[v].ndim == 1 && text.Contains('_'));
    }

    // Normalisations of channels, as modules with weights of their own.
    private static void Standardise(Sketch s)
    {
        int v = s.Any(t => t.ndim is > 1 and < 6 && t.shape[1] > 0);
        if (v < 0)
            return;
        (long channels, long rank) = (s.Values[v].shape[1], s.Values[v].ndim);
        nn.Module<Tensor, Tensor> module = (s.Next(4), rank) switch
        {
            (0, > 2) => nn.GroupNorm(channels % 2 == 0 ? 2 : 1, channels),
            (1, 3) => nn.InstanceNorm1d(channels),
            (1, 4) => nn.InstanceNorm2d(channels),
            (_, 4) => nn.BatchNorm2d(channels),
            (_, 5) => nn.BatchNorm3d(channels),
            _ => nn.BatchNorm1d(channels),
        };
        foreach (Tensor statistics in module.buffers().Where(b => b.ndim == 1))
            statistics.copy_(rand_like(statistics) + 0.2);
        foreach (Tensor parameter in module.parameters())
            parameter.detach().copy_(s.Spread(parameter.shape, 1.5));
        s.Part(module);
        s.Add(module.GetName(), v, x => module.call(x), References.Identity, isLinear: module.GetName().StartsWith("Batch", StringComparison.Ordinal));
    }

    private static void RootMeanSquare(Sketch s)
    {
        int v = s.Any(t => t.ndim > 1);
        if (v < 0)
            return;
        Tensor weight = s.Spread([s.Values[v].shape[^1]], 1);
        s.Add("RMS norm, written out", v, x => x * (x.pow(2).mean([-1L], true) + 1e-5f).rsqrt() * weight, References.Identity);
    }

    private static void Slopes(Sketch s)
    {
        int v = s.Any(t => t.ndim > 1);
        if (v < 0)
            return;
        Tensor slopes = s.Spread([s.Values[v].shape[1]], 1);
        s.Add("prelu", v, x => F.prelu(x, slopes), References.Identity, isLinear: true);
    }
}
