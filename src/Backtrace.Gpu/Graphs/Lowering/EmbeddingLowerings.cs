using Backtrace.Gpu.Kernels.Rules;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Graphs;

internal static partial class Lowerings
{
    private const int MaximumMode = 2;

    private static void RegisterEmbeddings(Dictionary<string, Lowering> table)
    {
        table.Add("embedding", Embed);
        table.Add("embedding_bag", EmbedBags);
        table.Add("one_hot", static call => call.Emit(new Embedding(), [call[0].Tensor])); // the table would be the unit matrix
    }

    // (weight, indices, padding index, ...)
    private static void Embed(OperatorCall call)
    {
        if (call[0].Tensor.IsDynamic)
            call.Refuse("has a table that depends on the input, or that max_norm rescales during the call");
        else
            call.Emit(new Embedding(), [call[1].Tensor], ("weight", call[0]));
    }

    // Sums of one-hot vectors are bags of words, although they are whole numbers.
    private static bool IsOneHot(Value value)
    {
        while (value.Producer is { Operation: Identity } node)
            value = node.InputValues[0];
        return value.Producer is { Operation: Embedding } embedding && embedding.Parameter("weight") is null;
    }

    // (weight, indices, offsets, scale of gradients, mode, sparse, weights per id, offsets include the last one[, padding index])
    private static void EmbedBags(OperatorCall call)
    {
        Value[] outputs = call.Outputs;
        call.EmitNothing(); // but for the first one they hold indices and sizes
        call.Outputs = [outputs[0]];
        outputs[0].IsDynamic = true;
        Value indices = call[1].Tensor;
        if (call[0].Tensor.IsDynamic)
        {
            call.Refuse("has a table that depends on the input, or that max_norm rescales during the call");
            return;
        }

        Value[] inputs = call[6].IsTensor ? [indices, call[6].Tensor] : [indices];
        int[] bags = new int[indices.Sizes[0]];
        Value rows = call.Constant(() => Contributions(call, bags));
        call.Emit(new EmbeddingBag(bags, [.. inputs.Select(i => i.IsDynamic)]), inputs, ("rows", new Argument(ArgumentKind.Tensor, 0, 0, rows, null)), ("weight", call[0]));
    }

    // The row of each id, with its weight; of a maximum, where it was reached.
    private static Tensor Contributions(OperatorCall call, int[] bags)
    {
        Tensor ids = call[1].Tensor.ToTensor().to(int64);
        long[] starts = call[2].Tensor.ToTensor().to(int64).cpu().data<long>().ToArray();
        for (int bag = 0; bag < call.Output.Sizes[0]; bag++)
            bags.AsSpan((int)starts[bag]..(bag + 1 < starts.Length ? (int)starts[bag + 1] : bags.Length)).Fill(bag);
        Tensor rows = call[0].Tensor.ToTensor().index_select(0, ids);
        if (call[4].Integer == MaximumMode)
            rows = rows.eq(call.Output.ToTensor().index_select(0, tensor(bags, int64))).to(float32);
        if (call[6].IsTensor)
            rows = rows * call[6].Tensor.ToTensor().unsqueeze(1);
        return call[8].IsNumber && call[8].Integer >= 0 ? rows.masked_fill(ids.eq(call[8].Integer).unsqueeze(1), 0) : rows;
    }
}
