using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using TorchSharp;

namespace Backtrace.Gpu.Graphs;

internal static partial class Lowerings
{
    private static void RegisterAttention(Dictionary<string, Lowering> table)
    {
        table.Add("scaled_dot_product_attention", ScaledDotProduct);
        table.Add("bmm", static call => MatrixProductOf(call, call[0].Tensor, call[1].Tensor));
        table.Add("masked_fill", MaskedFill);
        table.Add("where", Where);
    }

    // (query, key, value, mask?, dropout, is_causal, scale?, enable_gqa)
    private static void ScaledDotProduct(OperatorCall call)
    {
        Value query = call[0].Tensor, key = call[1].Tensor, value = call[2].Tensor;
        if (call[4].IsNumber && call[4].Number != 0)
            call.Refuse("drops weights at random: use a dropout of 0, or call eval() on the module that sets it");
        else if (!OneBatch(query.Sizes, key.Sizes, value.Sizes))
            call.Refuse("has queries, keys and values of different batches: expand them before the call");
        else if (!call[3].IsTensor)
            EmitAttention(call, AttentionMask.None);
        else if (call[3].Tensor.IsDynamic)
            AttendWithBias(call);
        else if (call[3].Tensor.Sizes.Length > 4 || (call[3].Tensor.Sizes.Length == 4 && query.Sizes.Length != 4))
            call.Refuse("has a mask with more than four axes, or with more than its queries: reshape queries, keys and values to [batch, heads, length, width]");
        else
            EmitAttention(call, call[3].Tensor.Held.Type == torch.ScalarType.Bool ? AttentionMask.Boolean : AttentionMask.Additive);
    }

    // What is added to the scores depends on the input: a summand of theirs, and the operator is written out.
    private static void AttendWithBias(OperatorCall call) => call.Rewrite(() =>
    {
        torch.Tensor query = call.Read(0), key = call.Read(1), value = call.Read(2);
        if (query.dim() > 2 && query.shape[^3] != key.shape[^3])
        {
            long shared = query.shape[^3] / key.shape[^3];
            (key, value) = (key.repeat_interleave(shared, -3), value.repeat_interleave(shared, -3));
        }

        double scale = call[6].IsNumber ? call[6].Number : 1 / Math.Sqrt(query.shape[^1]);
        return (query.matmul(key.transpose(-2, -1)) * scale + call.Read(3)).softmax(-1).matmul(value);
    });

    // The same leading axes, except that queries may have a multiple of the heads: what is in front of the last three axes counts as samples.
    private static bool OneBatch(ReadOnlySpan<long> query, ReadOnlySpan<long> key, ReadOnlySpan<long> value)
    {
        int samples = Math.Max(query.Length - 3, 0);
        return query.Length == key.Length && (query.Length < 3 || query[^3] % key[^3] == 0) && query[..samples].SequenceEqual(key[..samples]) && key[..^2].SequenceEqual(value[..^2]);
    }

    private static void EmitAttention(OperatorCall call, AttentionMask mask)
    {
        long[] query = call[0].Tensor.Sizes, key = call[1].Tensor.Sizes;
        int heads = query.Length > 2 ? (int)query[^3] : 1;
        AttentionShape shape = new(
            checked((int)(DeviceTensor.Count(query) / (heads * query[^2] * query[^1]))),
            heads,
            key.Length > 2 ? (int)key[^3] : 1,
            (int)query[^2],
            (int)key[^2],
            (int)query[^1],
            (int)call[2].Tensor.Sizes[^1]);
        float scale = call[6].IsNumber ? (float)call[6].Number : 1 / MathF.Sqrt(shape.Width);
        Value[] operands = [call[0].Tensor, call[1].Tensor, call[2].Tensor];
        call.Emit(new Attention(shape, scale, call[5].Boolean, mask), mask == AttentionMask.None ? operands : [.. operands, call[3].Tensor]);
    }

    private static void MatrixProductOf(OperatorCall call, Value a, Value b) =>
        call.Emit(new MatrixProduct(a.IsDynamic, b.IsDynamic), [a, b]);

    // (self, mask, value)
    private static void MaskedFill(OperatorCall call)
    {
        if (call[1].Tensor.IsDynamic || !call[0].Tensor.IsDynamic || (call[2].IsTensor && call[2].Tensor.IsDynamic))
            call.Refuse("depends on the input by more than the tensor that is filled");
        else
            call.Emit(new Where(-1, 1, "MaskedFill"), [call[1].Tensor, call[0].Tensor]);
    }

    // (condition, a, b)
    private static void Where(OperatorCall call)
    {
        if (call.Count < 3 || call[0].Tensor.IsDynamic)
        {
            call.Refuse("has a condition that carries relevance, or only a condition");
            return;
        }

        bool first = call[1].IsTensor && call[1].Tensor.IsDynamic, second = call[2].IsTensor && call[2].Tensor.IsDynamic;
        List<Value> inputs = [call[0].Tensor];
        if (first)
            inputs.Add(call[1].Tensor);
        if (second)
            inputs.Add(call[2].Tensor);
        call.Emit(new Where(first ? 1 : -1, second ? inputs.Count - 1 : -1), [.. inputs]);
    }
}
