using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Graphs;

// Entries at computed places. Indices are read from the recorded tensors: which entries were chosen is no matter of relevance.
internal static partial class Lowerings
{
    private static void RegisterIndexing(Dictionary<string, Lowering> table)
    {
        table.Add("index_select", static call => Select(call, (int)call[1].Integer, call[2].Tensor));
        table.Add("index", Index);
        table.Add("gather", static call => Pick(call, call[2].Tensor, (x, places) => x.gather(call[1].Integer, places)));
        table.Add("take_along_dim", static call => Pick(call, call[1].Tensor, (x, places) => call[2].IsNone ? x.take_along_dim(places) : x.take_along_dim(places, call[2].Integer)));
        table.Add("take", static call => Pick(call, call[1].Tensor, (x, places) => x.take(places)));
        table.Add("masked_select", static call => Move(call, x => x.masked_select(Open(call[1].Tensor))));
        RegisterAll(table, ["cummax", "cummin", "mode"], static call => Ordered(call, call[1]));
        table.Add("kthvalue", static call => Ordered(call, call[2]));
        RegisterAll(table, ["median", "nanmedian"], Middle);
        table.Add("diag_embed", static call => Move(call, x => (x + 1).diag_embed(call[1].Integer, call[2].Integer, call[3].Integer) - 1));
        table.Add("diag", static call => Move(call, x => (x + 1).diag(call[1].Integer) - 1));
        table.Add("trace", static call => call.Rewrite(() => call.Read(0).diagonal().sum()));
        table.Add("topk", static call => Ordered(call, call[2]));
        table.Add("sort", static call => Ordered(call, call[call.Overload == "stable" ? 2 : 1]));
    }

    private static void Select(OperatorCall call, int axis, Value index)
    {
        if (!call[0].Tensor.IsDynamic)
            LookUp(call, axis, index);
        else
            call.Emit(new IndexSelect(axis, Integers(Open(index))), [call[0].Tensor]);
    }

    // Of a constant, entries of a table that are chosen by ids, one each.
    private static void Pick(OperatorCall call, Value index, Func<Tensor, Tensor, Tensor> operation)
    {
        if (!call[0].Tensor.IsDynamic && DeviceTensor.Count(index.Sizes) == DeviceTensor.Count(call.Output.Sizes))
            call.Emit(new Identity(call.Label), [index]);
        else
            Move(call, x => operation(x, Open(index)));
    }

    // A constant is a table, and the index, which depends on the input, holds ids: an embedding.
    private static void LookUp(OperatorCall call, int axis, Value ids)
    {
        int rank = call[0].Tensor.Sizes.Length;
        if (rank == 1)
            call.Emit(new Identity(call.Label), [ids]);
        else if (rank == 2 && (axis is 0 or -2))
            call.Emit(new Embedding(), [ids], ("weight", call[0]));
        else
            call.Rewrite(() =>
            {
                Tensor table = call.Read(0).movedim([axis], [0]), places = ids.ToTensor();
                return table.flatten(1).index_select(0, places.flatten()).reshape([places.numel(), .. table.shape[1..]]).movedim([0], [axis]).reshape(call.Output.Sizes);
            });
    }

    // (self, indices), one index or nothing per axis
    private static void Index(OperatorCall call)
    {
        Argument[] indices = call[1].Items;
        int[] given = [.. Enumerable.Range(0, indices.Length).Where(k => indices[k].IsTensor)];
        if (given is [var axis] && indices[axis].Tensor is { } only && only.Held.Type != ScalarType.Bool && (only.Sizes.Length == 1 || !call[0].Tensor.IsDynamic))
            Select(call, axis, only);
        else
            Move(call, x => x.index([.. indices.Select(i => i.IsTensor ? TensorIndex.Tensor(Open(i.Tensor)) : TensorIndex.Colon)]));
    }

    // (self, repeats per entry, axis); without axis all entries in a row
    private static void RepeatByCounts(OperatorCall call)
    {
        if (call.Overload == "Tensor")
            call.Refuse("of counts alone gives places, not values");
        else
            Move(call, x => call[2].IsNone ? x.flatten().repeat_interleave(Open(call[1].Tensor), 0) : x.repeat_interleave(Open(call[1].Tensor), call[2].Integer));
    }

    // Values and the places that they come from, along an axis.
    private static void Ordered(OperatorCall call, Argument axis)
    {
        Value places = call.Outputs[1];
        call.LeaveOutPlaces();
        long along = axis.IsNone ? -1 : axis.Integer;
        Move(call, x => x.gather(along, places.Sizes.Length < x.ndim ? Open(places).unsqueeze(along) : Open(places)));
    }

    private static void Middle(OperatorCall call)
    {
        if (call.Outputs.Length == 2)
            Ordered(call, call[1]);
        else
            call.Refuse("of all entries has no rule: flatten the tensor and take the median along its axis");
    }

    /// <summary>Each entry of the output is one of argument 0: the operator itself tells which, when it moves positions instead of values.</summary>
    private static void Move(OperatorCall call, Func<Tensor, Tensor> operation)
    {
        Value source = call[0].Tensor;
        if (!source.IsDynamic)
        {
            call.Refuse("of a constant by indices that depend on the input has no rule");
            return;
        }

        using var scope = NewDisposeScope();
        using Tensor positions = arange(DeviceTensor.Count(source.Sizes), ScalarType.Int64).reshape(source.Sizes);
        call.Emit(new IndexMap(Integers(operation(positions)), call.Label), [source]);
    }

    private static Tensor Open(Value value) => Tensor.UnsafeCreateTensor(value.Held.Hold().Handle).to(CPU);

    private static long[] Integers(Tensor tensor)
    {
        using var scope = NewDisposeScope();
        return [.. tensor.to(ScalarType.Int64).contiguous().data<long>()];
    }
}
