using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Tests.Golden;

/// <summary>The parts of transformers among the golden operators, written out as models do.</summary>
internal static class FixtureTransformers
{
    /// <summary>What the recorder sees of an operator, in order; null for operators of other files.</summary>
    internal static string[]? Labels(string op, FixtureAttributes a) => op switch
    {
        "attention" => ["Mul", "Attention"],
        "swiglu" => ["Linear", a.Get("act") ?? "silu", "Linear", "Mul", "Linear"],
        "rmsnorm" => ["pow", "Mean", "Add", "rsqrt", "RMSNorm", "Mul"],
        "rope" => a.Get("rotary_dim") is null ? RotatedLabels(a) : ["Slice", "Slice", .. RotatedLabels(a), "Concatenate"],
        _ => null,
    };

    // TorchSharp fixes the scale at 1/sqrt(width), and its causal mask is for as many keys as queries.
    internal static Tensor Attention(Tensor[] x, FixtureAttributes a)
    {
        long queries = x[0].shape[2], keys = x[1].shape[2], groups = x[0].shape[1] / x[1].shape[1];
        bool isCausal = a.Flag("causal"), isPlain = x.Length == 3 && queries == keys;
        Tensor query = x[0] * (a.Number("scale", 1) * Math.Sqrt(x[0].shape[3]));
        Tensor key = groups == 1 ? x[1] : x[1].repeat_interleave(groups, 1), value = groups == 1 ? x[2] : x[2].repeat_interleave(groups, 1);
        Tensor? mask = x.Length > 3 ? x[3] : null;
        if (isCausal && !isPlain)
        {
            Tensor seen = ones(queries, keys).tril(keys - queries) == 1;
            mask = mask is null ? seen : mask.masked_fill(~seen, double.NegativeInfinity);
        }

        return F.scaled_dot_product_attention(query, key, value, mask, 0, isCausal && isPlain);
    }

    // Of each vector the first part turns; the rest is copied.
    internal static Tensor Rotate(Tensor x, FixtureAttributes a)
    {
        if (a.Get("rotary_dim") is null)
            return Rotated(x, a);
        long width = x.shape[^1], turned = a.Integer("rotary_dim");
        return cat([Rotated(x.narrow(-1, 0, turned), a), x.narrow(-1, turned, width - turned)], -1);
    }

    private static string[] RotatedLabels(FixtureAttributes a) =>
        ["Slice", "Slice", "neg", .. a.Get("layout") == "half" ? ["Concatenate"] : (string[])["Stack", "flatten"], "Mul", "Mul", "Add"];

    private static Tensor Rotated(Tensor x, FixtureAttributes a)
    {
        long width = x.shape[^1], pairs = width / 2;
        Tensor angles = Angles(x, a, pairs);
        bool isHalf = a.Get("layout") == "half";
        Tensor quarter = isHalf
            ? cat([-x.narrow(-1, pairs, pairs), x.narrow(-1, 0, pairs)], -1)
            : stack([-x.slice(-1, 1, width, 2), x.slice(-1, 0, width, 2)], -1).flatten(-2);
        angles = isHalf ? cat([angles, angles], -1) : angles.repeat_interleave(2, -1);
        return (x * angles.cos()) + (quarter * angles.sin());
    }

    internal static Tensor GatedLayer(Tensor x, FixtureOperators.Parameters p, FixtureAttributes a)
    {
        Tensor gate = F.linear(x, p("gate_proj.weight")!, p("gate_proj.bias"));
        return F.linear(Active(gate, a) * F.linear(x, p("up_proj.weight")!, p("up_proj.bias")), p("down_proj.weight")!, p("down_proj.bias"));
    }

    internal static Tensor Active(Tensor gate, FixtureAttributes a) =>
        a.Get("act") switch { "gelu" => F.gelu(gate), "relu" => gate.relu(), _ => F.silu(gate) };

    private static Tensor Angles(Tensor x, FixtureAttributes a, long pairs)
    {
        Tensor frequencies = pow(a.Number("base", 10000), arange(pairs, dtype: float64) / -(double)pairs);
        Tensor positions = a.Get("positions") is null ? arange(x.shape[2], dtype: float64) : tensor(a.List("positions")).to(float64);
        return outer(positions, frequencies).to(float32);
    }
}
