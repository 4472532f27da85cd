using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Tests.Fuzz;

// Products of two values, attention.
internal static partial class Operators
{
    private static Action<Sketch>[] Attentions => [Matrices, Matrices, Added, ScaledDotProduct, MultiHead];

    private static bool SameBut(Tensor t, long[] shape, int last) => t.shape.SkipLast(last).SequenceEqual(shape.SkipLast(last));

    private static void Matrices(Sketch s)
    {
        int a = s.Any(t => t.ndim > 1);
        if (a < 0)
            return;
        long[] shape = s.Values[a].shape;
        int b = s.Any(t => t.ndim == shape.Length && SameBut(t, shape, 2) && (t.shape[^2] == shape[^1] || t.shape[^1] == shape[^1]));
        if (b < 0)
            return;
        bool turned = s.Values[b].shape[^2] != shape[^1];
        Tensor Multiply(Tensor x, Tensor y) => x.shape[^1] == y.shape[turned ? ^1 : ^2] ? x.matmul(turned ? y.transpose(-1, -2) : y) : throw new InvalidOperationException("a @ b");
        s.Add(turned ? "a @ b.T" : "a @ b", [a, b], x => [Multiply(x[0], x[1])], References.Products(Multiply), mixes: shape.Length == 2);
    }

    private static void Added(Sketch s)
    {
        int a = s.Any(t => t.ndim == 3);
        if (a < 0)
            return;
        long[] shape = s.Values[a].shape;
        int b = s.Any(t => t.ndim == 3 && t.shape[0] == shape[0] && t.shape[1] == shape[1]);
        s.Add("baddbmm(1, a.T, b, beta: 0.5, alpha: 2)", [a, b], x => [baddbmm(ones(1, 1, 1, dtype: x[0].dtype), x[0].transpose(1, 2), x[1], beta: 0.5f, alpha: 2)], null, isLinear: false);
    }

    private static void ScaledDotProduct(Sketch s)
    {
        int q = s.Any(t => t.ndim is 3 or 4);
        if (q < 0)
            return;
        long[] shape = s.Values[q].shape;
        int k = s.Any(t => t.ndim == shape.Length && SameBut(t, shape, 2) && t.shape[^1] == shape[^1]);
        if (k < 0)
            return;
        int v = s.Any(t => t.ndim == shape.Length && SameBut(t, s.Values[k].shape, 1));
        if (v < 0)
            return;
        long keys = s.Values[k].shape[^2];
        bool causal = s.Chance(3);
        Tensor? mask = causal || s.Chance(2) ? null : s.Chance(2) ? s.Spread([shape[^2], keys], 1) : (rand(shape[^2], keys) > 0.3).logical_or(arange(keys) == 0);
        Tensor Weights(Tensor query, Tensor key)
        {
            Tensor scores = query.matmul(key.transpose(-1, -2)) / Math.Sqrt(shape[^1]);
            if (causal)
                scores = scores.masked_fill(ones(shape[^2], keys).tril() == 0, double.NegativeInfinity);
            else if (mask is not null)
                scores = mask.dtype == ScalarType.Bool ? scores.masked_fill(mask.logical_not(), double.NegativeInfinity) : scores + mask;
            return scores.softmax(-1);
        }

        Reference products = References.Products((a, b) => a.matmul(b)), scores = References.Products((a, b) => a.matmul(b.transpose(-1, -2)));
        s.Add(
            $"scaled_dot_product_attention[{(causal ? "causal" : mask is null ? "" : $"{mask.dtype} mask")}]", [q, k, v], x => [F.scaled_dot_product_attention(x[0], x[1], x[2], mask, is_casual: causal)],
            (x, r) =>
            {
                Tensor[] parts = products([Weights(x[0], x[1]), x[2]], r);
                return [.. scores([x[0], x[1]], [parts[0]]), parts[1]];
            });
    }

    private static void MultiHead(Sketch s)
    {
        int q = s.Any(t => t.ndim == 3 && t.shape[2] % 2 == 0);
        if (q < 0)
            return;
        long[] shape = s.Values[q].shape;
        int k = s.Any(t => t.ndim == 3 && t.shape[0] == shape[0] && t.shape[2] == shape[2]);
        var module = s.Part(nn.MultiheadAttention(shape[2], 2, bias: s.Chance(2), add_bias_kv: s.Chance(4)));
        bool asks = s.Chance(2);
        s.Add("MultiheadAttention", [q, k, k], x => [module.call(x[0].transpose(0, 1), x[1].transpose(0, 1), x[2].transpose(0, 1), null, asks, null).Item1.transpose(0, 1)], null);
    }
}
