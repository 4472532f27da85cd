using Backtrace.Gpu.Kernels;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Graphs;

// Entries written to computed places. As in IndexingLowerings, the places are no matter of relevance.
internal static partial class Lowerings
{
    // The matrix that adds entries up at their places holds this many numbers at most.
    private const long LargestPlacement = 1 << 26;

    private static void RegisterScattering(Dictionary<string, Lowering> table)
    {
        Add("scatter", Scatter);
        Add("index_copy", call => Overlay(call, 3, (x, source) => x.index_copy(call[1].Integer, Open(call[2].Tensor), source)));
        Add("masked_scatter", call => Overlay(call, 2, (x, source) => x.masked_scatter(Open(call[1].Tensor), source)));
        Add("select_scatter", call => Overlay(call, 1, (x, source) => x.select_scatter(source, call[2].Integer, call[3].Integer)));
        Add("slice_scatter", call => Overlay(call, 1, (x, source) => x.slice_scatter(source, call[2].Integer, Integer(call[3]), Integer(call[4]), call[5].IsNone ? 1 : call[5].Integer)));
        Add("diagonal_scatter", call => Overlay(call, 1, (x, source) => x.diagonal_scatter(source, call[2].Integer, call[3].Integer, call[4].Integer)));
        Add("index_put", PutAt);
        Add("index_fill", call => Fill(call, places => places.index_fill(call[1].Integer, Open(call[2].Tensor), 1), call[3]));
        RegisterAll(table, ["copy", "fill"], CopyOver);
        Add("index_add", call => AddAt(call, call[1].Integer, Open(call[2].Tensor)));
        Add("scatter_add", ScatterAdd);
        RegisterAll(table, ["max_unpool2d", "max_unpool3d"], Unpool);

        // Masks and places are tensors that only the lowering needs.
        void Add(string name, Lowering lowering) => table.Add(name, call =>
        {
            using var temporary = NewDisposeScope();
            lowering(call);
        });

        static long? Integer(Argument argument) => argument.IsNone ? null : argument.Integer;
    }

    /// <summary>Each entry of the result comes from argument 0 or from another one: the operator itself tells whence, when it moves positions instead of values.</summary>
    private static void Overlay(OperatorCall call, int other, Func<Tensor, Tensor, Tensor> operation)
    {
        long[] shape = call[0].Tensor.Sizes, added = call[other].Tensor.Sizes;
        long length = DeviceTensor.Count(shape);
        Tensor places = operation(arange(length, int64).reshape(shape), arange(length, length + DeviceTensor.Count(added), int64).reshape(added));
        call.Rewrite(() => cat([call.Read(0).flatten(), call.Read(other).flatten()]).take(places));
    }

    // Where a mask of zeros was written to, the number stands.
    private static void Fill(OperatorCall call, Func<Tensor, Tensor> write, Argument value)
    {
        if (!value.IsNumber)
        {
            call.Refuse("writes a value that is given as a tensor: give a number, or write the values by index_put");
            return;
        }

        Tensor mask = write(zeros(call[0].Tensor.Sizes, int64)) != 0;
        call.Rewrite(() => call.Read(0).masked_fill(mask, value.Number));
    }

    // (self, axis, index, source or number)
    private static void Scatter(OperatorCall call)
    {
        if (call.Overload.EndsWith("reduce", StringComparison.Ordinal))
            call.Refuse("with a reduction has no rule: use scatter_add for sums");
        else if (call[3].IsTensor)
            Overlay(call, 3, (x, source) => x.scatter(call[1].Integer, Open(call[2].Tensor), source));
        else
            Fill(call, places => places.scatter(call[1].Integer, Open(call[2].Tensor), ones_like(Open(call[2].Tensor))), call[3]);
    }

    // (self, one index or nothing per axis, values, whether they are added)
    private static void PutAt(OperatorCall call)
    {
        TensorIndex[] indices = [.. call[1].Items.Select(i => i.IsTensor ? TensorIndex.Tensor(Open(i.Tensor)) : TensorIndex.Colon)];
        if (!call[3].Boolean)
        {
            Overlay(call, 2, (x, values) => x.index_put_(values, indices));
            return;
        }

        long[] shape = call[0].Tensor.Sizes;
        long length = DeviceTensor.Count(shape);
        Tensor places = arange(length, int64).reshape(shape).index(indices);
        if (length * places.numel() > LargestPlacement)
            call.Refuse("that adds values has no rule for so many entries: use index_add");
        else
            call.Rewrite(() => call.Read(0) + Placed(call.Read(2).expand(places.shape).flatten(), places.flatten(), length).reshape(shape));
    }

    // (self, source or number): nothing of what was there is left.
    private static void CopyOver(OperatorCall call)
    {
        if (!call[1].IsTensor || !call[1].Tensor.IsDynamic)
            call.EmitNothing();
        else if (call[1].Tensor.Sizes.SequenceEqual(call.Output.Sizes))
            call.Emit(new Identity(call.Label), [call[1].Tensor]);
        else
            call.Emit(StridedView.Expand(call[1].Tensor.Sizes, call.Output.Sizes), [call[1].Tensor]);
    }

    // (self, axis, index, source, alpha): positions along an axis are added up where the index says, by a matrix of ones and zeros.
    private static void AddAt(OperatorCall call, long axis, Tensor index)
    {
        long[] shape = call[0].Tensor.Sizes;
        long length = shape.Length == 0 ? 1 : shape[axis < 0 ? axis + shape.Length : axis];
        if (shape.Length == 0 || length * index.numel() > LargestPlacement)
            call.Refuse($"of {index.numel()} to {Counted.Of(length, "place")} has no rule: it would need a matrix of them, and {LargestPlacement} entries are the most");
        else
            call.Rewrite(() => call.Read(0) + Placed(call.Read(3).transpose(axis, -1), index, length).transpose(axis, -1) * Factor(call[4]));
    }

    // (self, axis, index, source)
    private static void ScatterAdd(OperatorCall call)
    {
        long[] shape = call[0].Tensor.Sizes, source = call[3].Tensor.Sizes;
        long axis = call[1].Integer;
        Tensor index = Open(call[2].Tensor);
        if (shape.Length > 0 && index.shape.SequenceEqual(source) && OneForAll(index, axis, shape) is { } positions)
        {
            AddAt(call, axis, positions);
            return;
        }

        long length = DeviceTensor.Count(shape);
        if (length * index.numel() > LargestPlacement)
        {
            call.Refuse("by an index that differs from row to row has no rule for so many entries: use index_add, or one index for all rows");
            return;
        }

        Tensor places = arange(length, int64).reshape(shape).gather(axis, index).flatten();
        call.Rewrite(() =>
        {
            Tensor added = call.Read(3);
            for (int a = 0; a < source.Length; a++)
                added = index.shape[a] == source[a] ? added : added.narrow(a, 0, index.shape[a]);
            return call.Read(0) + Placed(added.flatten(), places, length).reshape(shape);
        });
    }

    // The index of one row, if it is that of all rows and they are all there.
    private static Tensor? OneForAll(Tensor index, long axis, long[] shape)
    {
        Tensor rows = index.transpose(axis, -1);
        long[] others = rows.shape[..^1], expected = zeros(shape, ScalarType.Bool).transpose(axis, -1).shape[..^1];
        if (!others.SequenceEqual(expected) || index.numel() == 0)
            return null;
        rows = rows.reshape(-1, rows.shape[^1]);
        return rows.eq(rows[0]).all().item<bool>() ? rows[0] : null;
    }

    private static Tensor Placed(Tensor x, Tensor places, long count) => x.matmul(places.unsqueeze(1).eq(arange(count, int64)).to(x.dtype));

    // (self, places within a plane, size, ...)
    private static void Unpool(OperatorCall call)
    {
        int axes = call.Label == "max_unpool2d" ? 2 : 3;
        long[] shape = call.Output.Sizes;
        long planes = DeviceTensor.Count(shape.AsSpan()[..^axes]);
        call.Rewrite(() => zeros(planes, DeviceTensor.Count(shape) / planes, call.Output.Held.Type).scatter(1, call.Read(1).reshape(planes, -1), call.Read(0).reshape(planes, -1)).reshape(shape));
    }
}
