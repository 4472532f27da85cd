using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Graphs;

// PyTorch's own attention and encoder layer are one operator each where no gradients are wanted: they are written out.
internal static partial class Lowerings
{
    // A mask is [T, T], [N, heads, T, T] or, of this kind, [N, T].
    private const long MaskOfKeys = 1;

    private static void RegisterTransformers(Dictionary<string, Lowering> table)
    {
        table.Add("_native_multi_head_attention", AttendInOne);
        table.Add("_transformer_encoder_layer_fwd", static call => call.Rewrite(() => EncoderLayer(call)));
    }

    // (query, key, value, width, heads, weight of all three, bias of all three, weight, bias, mask?, need weights, average them, kind of mask?)
    private static void AttendInOne(OperatorCall call)
    {
        if (call[0].Tensor != call[1].Tensor || call[0].Tensor != call[2].Tensor)
        {
            call.Refuse("attends from one tensor to another: call scaled_dot_product_attention on the projections");
            return;
        }

        call.Rewrite(() =>
        {
            (Tensor query, Tensor key, Tensor value) = Projections(call.Read(0), call.Read(5), call.Read(6), call[4].Integer);
            Tensor? seen = Seen(call[9], call[12]);
            Tensor attended = Attended(query, key, value, seen, call.Read(7), call.Read(8));
            if (!call[10].Boolean)
                return [attended];
            Tensor scores = query.matmul(key.transpose(-2, -1)) / Math.Sqrt(query.shape[^1]);
            Tensor weights = (seen is null ? scores : scores.masked_fill(seen.logical_not(), float.NegativeInfinity)).softmax(-1);
            return [attended, call[11].Boolean ? weights.mean([1L]) : weights];
        });
    }

    // (x, width, heads, weight and bias of query, key and value, weight and bias of attention, gelu, norms first, epsilon, weights and biases of two norms, of two
    // dense layers, mask?, kind of mask?)
    private static Tensor EncoderLayer(OperatorCall call)
    {
        bool isGelu = call[7].Boolean, isNormFirst = call[8].Boolean;
        Tensor x = call.Read(0);
        Tensor Norm(Tensor t, int first) => F.layer_norm(t, [t.shape[^1]], call.Read(first), call.Read(first + 1), call[9].Number);

        (Tensor query, Tensor key, Tensor value) = Projections(isNormFirst ? Norm(x, 10) : x, call.Read(3), call.Read(4), call[2].Integer);
        x = Attended(query, key, value, Seen(call[18], call[19]), call.Read(5), call.Read(6)) + x;
        if (!isNormFirst)
            x = Norm(x, 10);
        Tensor inner = F.linear(isNormFirst ? Norm(x, 12) : x, call.Read(14), call.Read(15));
        x = F.linear(isGelu ? F.gelu(inner) : F.relu(inner), call.Read(16), call.Read(17)) + x;
        return isNormFirst ? x : Norm(x, 12);
    }

    private static (Tensor Query, Tensor Key, Tensor Value) Projections(Tensor x, Tensor weight, Tensor bias, long heads)
    {
        Tensor[] parts = F.linear(x, weight, bias).chunk(3, -1);
        Tensor Heads(Tensor part) => part.reshape(x.shape[0], x.shape[1], heads, -1).transpose(1, 2);
        return (Heads(parts[0]), Heads(parts[1]), Heads(parts[2]));
    }

    private static Tensor Attended(Tensor query, Tensor key, Tensor value, Tensor? seen, Tensor weight, Tensor bias) =>
        F.linear(F.scaled_dot_product_attention(query, key, value, seen).transpose(1, 2).flatten(2), weight, bias);

    // The operators are told what is hidden.
    private static Tensor? Seen(Argument mask, Argument kind)
    {
        if (!mask.IsTensor)
            return null;
        Tensor seen = mask.Tensor.ToTensor().to(ScalarType.Bool).logical_not();
        return kind.IsNumber && kind.Integer == MaskOfKeys ? seen.unsqueeze(1).unsqueeze(1) : seen;
    }
}
