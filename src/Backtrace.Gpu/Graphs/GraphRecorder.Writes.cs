using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using TorchSharp;

namespace Backtrace.Gpu.Graphs;

// What in-place operators wrote into memory that other tensors see too: their views, the tensor that they are a view of, other views of that one. A tensor gets its
// new value when it is used next, from all that was written into it since, so that a loop that fills a tensor step by step makes one node of it.
internal sealed partial class GraphRecorder
{
    private readonly Dictionary<nint, List<Value>> writes = [];

    private void AddWrites(List<Value> made)
    {
        foreach (Value value in made)
        {
            if (!writes.TryGetValue(value.Storage, out var list))
                writes[value.Storage] = list = [];
            list.Add(value);
            value.Writes = list.Count;
        }
    }

    private int WritesInto(RawTensor tensor) => writes.Count > 0 && writes.TryGetValue(tensor.Storage, out var list) ? list.Count : 0;

    // A view shows its source as that was last used: what was written since is missing in both.
    private static void InheritWrites(List<Value> views, Value source)
    {
        foreach (Value view in views)
        {
            view.IsOverwritten = view.Writes > source.Writes;
            view.Writes = source.Writes;
        }
    }

    private bool IsViewOfWritten(nint results, int count)
    {
        IValue source = new(pending.Arguments);
        if (pending.Count == 0 || !source.IsTensor || source.Tensor.Identity == 0 || !source.Tensor.IsDefined || WritesInto(source.Tensor) == 0)
            return false;
        nint storage = source.Tensor.Storage;
        for (int k = 0; k < count; k++)
        {
            IValue value = new(results + k * IValue.Size);
            for (int i = 0; i < (value.IsList ? value.ListCount : 1); i++)
            {
                IValue item = value.IsList ? new(value.ListStart + i * IValue.Size) : value;
                if (!item.IsTensor || item.Tensor.Identity == 0 || !item.Tensor.IsDefined || item.Tensor.Storage != storage)
                    return false;
            }
        }

        return true;
    }

    // True if something was written into the tensor that its value lacks.
    private bool IsStale(Value? known, RawTensor tensor) => Misses(known, tensor, dynamicOnly: false);

    // The same, of what depends on the input.
    private bool Gained(Value? known, RawTensor tensor) => tensor.Identity != 0 && tensor.IsDefined && Misses(known, tensor, dynamicOnly: true);

    private bool Misses(Value? known, RawTensor tensor, bool dynamicOnly)
    {
        int first = known?.Writes ?? 0;
        if (WritesInto(tensor) <= first)
            return false;
        TensorMemory memory = known?.Memory ?? new(tensor, tensor.Shape());
        List<Value> list = writes[memory.Storage];
        for (int k = first; k < list.Count; k++)
        {
            if ((list[k].IsDynamic || !dynamicOnly) && list[k].Memory.Overlaps(memory))
                return true;
        }

        return false;
    }

    /// <summary>The value of a tensor with all that was written into it.</summary>
    private Value UpToDate(Value known, RawTensor tensor)
    {
        if (WritesInto(tensor) <= known.Writes)
            return known;
        TensorMemory memory = known.Memory;
        List<Value> list = writes[memory.Storage];
        Value[] missing = [.. list.Skip(known.Writes).Where(w => w.Memory.Overlaps(memory))];
        if (missing.Length == 0)
        {
            (known.Writes, known.IsOverwritten) = (list.Count, false);
            return known;
        }

        Value value = Register(tensor);
        if (copies.Remove(tensor.Identity, out RawTensor copy))
        {
            value.Replace(copy);
            value.IsSafe = true;
        }

        Value[] sources = [known, .. missing];
        if (!known.IsLost && !sources.Any(s => s.IsDynamic))
            return value;
        value.IsDynamic = value.Held.Type != torch.ScalarType.Bool;
        value.ViewOf = known;
        if (missing.Any(w => w.Memory.ItemSize != memory.ItemSize))
            Add(new Refused("Overwrite", "reads memory that was written as another type"), sources, [value]);
        else
            Add(Merge(memory, [.. missing.Select(w => w.Memory)], ref sources), sources, [value]);
        return value;
    }

    /// <summary>Finds for each entry of a tensor who wrote it last. Sources of which nothing is left are taken out of the list.</summary>
    private static Overwrite Merge(TensorMemory memory, TensorMemory[] written, ref Value[] sources)
    {
        int[] writer = new int[memory.Span], place = new int[memory.Span];
        for (int k = 0; k < written.Length; k++)
        {
            int source = k + 1;
            written[k].Visit(memory, (entry, at) =>
            {
                if ((uint)at < (uint)writer.Length)
                    (writer[at], place[at]) = (source, entry);
            });
        }

        List<int> from = [], entries = [];
        memory.Visit(memory, (entry, at) =>
        {
            from.Add(writer[at]);
            entries.Add(writer[at] == 0 ? entry : place[at]);
        });

        int[] used = [.. from.Distinct().Order()], position = new int[sources.Length];
        for (int k = 0; k < used.Length; k++)
            position[used[k]] = k;
        Value[] all = sources;
        sources = [.. used.Select(k => all[k])];
        int width = WidthOfBlocks(from, entries, sources);
        int[] blocks = [.. Enumerable.Range(0, from.Count / width).Select(k => k * width)];
        return new Overwrite([.. blocks.Select(k => position[from[k]])], [.. blocks.Select(k => entries[k] / width)], width);
    }

    // The largest number of neighbours that stay neighbours everywhere.
    private static int WidthOfBlocks(List<int> from, List<int> entries, Value[] sources)
    {
        long width = from.Count;
        foreach (Value source in sources)
            width = Common(width, DeviceTensor.Count(source.Sizes));
        for (int k = 0; k < from.Count; k++)
        {
            if (k == 0 || from[k] != from[k - 1] || entries[k] != entries[k - 1] + 1)
                width = Common(Common(width, k), entries[k]);
        }

        return (int)width;

        static long Common(long a, long b) => b == 0 ? a : Common(b, a % b);
    }
}
