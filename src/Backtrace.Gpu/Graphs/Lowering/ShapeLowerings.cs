using Backtrace.Gpu.Kernels.Rules;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Graphs;

internal static partial class Lowerings
{
    private static void RegisterShapes(Dictionary<string, Lowering> table)
    {
        table.Add("slice", Slice);
        table.Add("narrow", static call => View(call, StridedView.Slice(call[0].Tensor.Sizes, (int)call[1].Integer, Wrapped(call[2], call, 1), 1, call[3].Integer)));
        table.Add("select", Select);
        table.Add("permute", static call => View(call, StridedView.Permute(call[0].Tensor.Sizes, call[1].Integers)));
        RegisterAll(table, ["transpose", "swapaxes", "swapdims"], static call => Transpose(call, (int)call[1].Integer, (int)call[2].Integer));
        RegisterAll(table, ["t", "mT"], static call => Transpose(call, -2, -1));
        table.Add("numpy_T", static call => View(call, StridedView.Permute(call[0].Tensor.Sizes, [.. Enumerable.Range(0, call[0].Tensor.Sizes.Length).Reverse()])));
        RegisterAll(table, ["movedim", "moveaxis"], MoveAxes);
        RegisterAll(table, ["expand", "expand_as", "broadcast_to"], static call => View(call, StridedView.Expand(call[0].Tensor.Sizes, call.Output.Sizes)));
        table.Add("broadcast_tensors", BroadcastTensors);
        table.Add("flip", static call => View(call, StridedView.Flip(call[0].Tensor.Sizes, call[1].Integers)));
        table.Add("diagonal", static call => View(call, StridedView.Diagonal(call[0].Tensor.Sizes, call[1].Integer, (int)call[2].Integer, (int)call[3].Integer)));
        table.Add("unfold", static call => View(call, StridedView.Windows(call[0].Tensor.Sizes, (int)call[1].Integer, call[2].Integer, call[3].Integer)));
        table.Add("pixel_shuffle", PixelShuffle);
        table.Add("pixel_unshuffle", PixelUnshuffle);
        table.Add("channel_shuffle", ChannelShuffle);
        RegisterAll(table, ["cat", "concat", "concatenate"], static call => Join(call, new Concatenate((int)call[1].Integer)));
        table.Add("stack", static call => Join(call, new Stack((int)call[1].Integer)));
        RegisterAll(table, ["split", "split_with_sizes", "chunk", "tensor_split", "unsafe_split", "unsafe_split_with_sizes", "unsafe_chunk"], static call => call.Emit(new Split((int)call[2].Integer), [call[0].Tensor]));
        table.Add("unbind", static call => call.Emit(new Split((int)call[1].Integer), [call[0].Tensor]));
        RegisterAll(table, ["repeat", "tile"], RepeatAll);
        table.Add("repeat_interleave", RepeatInterleave);
        table.Add("roll", Roll);
        RegisterAll(table, ["triu", "tril"], Triangle);
        table.Add("im2col", Patches);
        table.Add("col2im", AddPatches);
        RegisterAll(table, ["constant_pad_nd"], static call => PadWith(call, PadMode.Constant));
        RegisterAll(table, ["reflection_pad1d", "reflection_pad2d", "reflection_pad3d"], static call => PadWith(call, PadMode.Reflect));
        RegisterAll(table, ["replication_pad1d", "replication_pad2d", "replication_pad3d"], static call => PadWith(call, PadMode.Replicate));
        table.Add("_pad_enum", static call => PadWith(call, (PadMode)PadModes[call[2].Integer]));
        table.Add("pad", static call => PadWith(call, PadMode.Constant, call[2].Kind != ArgumentKind.None));
    }

    // libtorch's order: reflect, replicate, circular, constant.
    private static readonly PadMode[] PadModes = [PadMode.Reflect, PadMode.Replicate, PadMode.Circular, PadMode.Constant];

    private static void View(OperatorCall call, StridedView view) => call.Emit(view, [call[0].Tensor]);

    private static void Slice(OperatorCall call)
    {
        long[] shape = call[0].Tensor.Sizes;
        int axis = AxisOf(call[1], shape.Length);
        long start = call[2].IsNone ? 0 : Math.Min(Wrapped(call[2], call, 1), shape[axis]);
        View(call, StridedView.Slice(shape, axis, Math.Max(start, 0), call[4].IsNone ? 1 : call[4].Integer, call.Output.Sizes[axis]));
    }

    private static void Select(OperatorCall call)
    {
        long[] shape = call[0].Tensor.Sizes;
        View(call, StridedView.Slice(shape, (int)call[1].Integer, Wrapped(call[2], call, 1), 1, 1) with { Label = "Select" });
    }

    private static void Transpose(OperatorCall call, int first, int second)
    {
        int rank = call[0].Tensor.Sizes.Length;
        if (rank < 2)
        {
            call.EmitIdentity("Transpose");
            return;
        }

        int[] axes = [.. Enumerable.Range(0, rank)];
        first = (first + rank) % rank;
        second = (second + rank) % rank;
        (axes[first], axes[second]) = (axes[second], axes[first]);
        View(call, StridedView.Permute(call[0].Tensor.Sizes, axes) with { Label = "Transpose" });
    }

    private static void MoveAxes(OperatorCall call)
    {
        int rank = call[0].Tensor.Sizes.Length;
        int[] from = [.. Many(call[1]).Select(a => (a + rank) % rank)];
        int[] to = [.. Many(call[2]).Select(a => (a + rank) % rank)];
        int[] axes = [.. Enumerable.Repeat(-1, rank)];
        for (int k = 0; k < from.Length; k++)
            axes[to[k]] = from[k];
        Queue<int> rest = new(Enumerable.Range(0, rank).Except(from));
        View(call, StridedView.Permute(call[0].Tensor.Sizes, [.. axes.Select(a => a >= 0 ? a : rest.Dequeue())]));

        static int[] Many(Argument argument) => argument.Kind == ArgumentKind.List ? argument.Integers : [(int)argument.Integer];
    }

    // [.., C·r², H, W] to [.., C, H·r, W·r].
    private static void PixelShuffle(OperatorCall call)
    {
        (long count, long r, long h, long w) = (Planes(call.Output), call[1].Integer, call[0].Tensor.Sizes[^2], call[0].Tensor.Sizes[^1]);
        View(call, StridedView.Permute([count, r, r, h, w], [0, 3, 1, 4, 2]) with { Label = "PixelShuffle" });
    }

    private static void PixelUnshuffle(OperatorCall call)
    {
        (long count, long r, long h, long w) = (Planes(call[0].Tensor), call[1].Integer, call.Output.Sizes[^2], call.Output.Sizes[^1]);
        View(call, StridedView.Permute([count, h, r, w, r], [0, 2, 4, 1, 3]) with { Label = "PixelUnshuffle" });
    }

    // [N, groups·C, ..]: the channels of all groups in turn.
    private static void ChannelShuffle(OperatorCall call)
    {
        long[] shape = call[0].Tensor.Sizes;
        long groups = call[1].Integer, inner = Kernels.Execution.DeviceTensor.Count(shape.AsSpan(2));
        View(call, StridedView.Permute([shape[0], groups, shape[1] / groups, inner], [0, 2, 1, 3]) with { Label = "ChannelShuffle" });
    }

    private static long Planes(Value value) => Kernels.Execution.DeviceTensor.Count(value.Sizes.AsSpan(0, value.Sizes.Length - 2));

    // One view per operand; constants stay constants.
    private static void BroadcastTensors(OperatorCall call)
    {
        Value[] outputs = call.Outputs;
        for (int k = 0; k < outputs.Length; k++)
        {
            Value source = call[0].Items[k].Tensor;
            call.Outputs = [outputs[k]];
            if (source.IsDynamic)
                call.Emit(StridedView.Expand(source.Sizes, outputs[k].Sizes), [source]);
            else
                call.EmitNothing();
        }
    }

    private static void Join(OperatorCall call, Operation operation) =>
        call.Emit(operation, [.. call[0].Items.Select(i => i.Tensor)]);

    // A tile with fewer counts than axes is of the last axes.
    private static void RepeatAll(OperatorCall call)
    {
        IEnumerable<long> counts = call[1].Integers.Select(r => (long)r), missing = Enumerable.Repeat(1L, call.Output.Sizes.Length - call[1].Items.Length);
        call.Emit(new Repeat([.. missing, .. counts]), [call[0].Tensor]);
    }

    // (self, repeats, dim): each entry several times in a row, as grouped-query attention repeats its heads.
    private static void RepeatInterleave(OperatorCall call)
    {
        if (call[1].Kind != ArgumentKind.Integer)
        {
            RepeatByCounts(call);
            return;
        }

        if (call[2].IsNone)
            View(call, StridedView.RepeatEach([Kernels.Execution.DeviceTensor.Count(call[0].Tensor.Sizes)], 0, call[1].Integer));
        else
            View(call, StridedView.RepeatEach(call[0].Tensor.Sizes, (int)call[2].Integer, call[1].Integer));
    }

    private static void Roll(OperatorCall call)
    {
        long[] shifts = [.. call[1].Integers.Select(s => (long)s)];
        if (call[2].Items.Length == 0)
            Move(call, x => x.roll(shifts[0])); // in row-major order
        else
            call.Emit(new Roll(shifts, call[2].Integers), [call[0].Tensor]);
    }

    // What lies outside of the triangle becomes a constant.
    private static void Triangle(OperatorCall call)
    {
        using var temporary = NewDisposeScope();
        long[] shape = call[0].Tensor.Sizes;
        Tensor all = ones(shape[^2], shape[^1]), inside = call.Label == "triu" ? all.triu(call[1].Integer) : all.tril(call[1].Integer);
        call.Rewrite(() => call.Read(0).masked_fill(inside == 0, 0));
    }

    // (self, kernel, dilation, padding, stride): [.., C, H, W] to [.., C·kernel, positions], a view of the padded planes.
    private static void Patches(OperatorCall call)
    {
        int[] kernel = call[1].Integers, dilation = call[2].Integers, padding = call[3].Integers, stride = call[4].Integers;
        call.Rewrite(() =>
        {
            Tensor x = nn.functional.pad(call.Read(0), [padding[1], padding[1], padding[0], padding[0]], TorchSharp.PaddingModes.Constant, 0);
            int rank = call[0].Tensor.Sizes.Length;
            for (int a = 0; a < 2; a++)
                x = x.unfold(rank - 2 + a, (kernel[a] - 1) * dilation[a] + 1, stride[a]);
            for (int a = 0; a < 2; a++)
                x = x.slice(rank + a, 0, x.shape[rank + a], dilation[a]);
            long[] order = [.. Enumerable.Range(0, rank - 2), rank, rank + 1, rank - 2, rank - 1];
            return x.permute(order).reshape(call.Output.Sizes);
        });
    }

    // (self, size, kernel, dilation, padding, stride): adds the patches up where they overlap, as a transposed convolution whose taps are one patch entry each.
    private static void AddPatches(OperatorCall call)
    {
        int[] size = call[1].Integers, kernel = call[2].Integers, dilation = call[3].Integers, padding = call[4].Integers, stride = call[5].Integers;
        long[] Of(int[] values) => [.. values.Select(v => (long)v)];
        call.Rewrite(() =>
        {
            long[] positions = [.. Enumerable.Range(0, 2).Select(a => (long)(size[a] + 2 * padding[a] - dilation[a] * (kernel[a] - 1) - 1) / stride[a] + 1)];
            long[] rest = [.. Enumerable.Range(0, 2).Select(a => size[a] + 2 * padding[a] - dilation[a] * (kernel[a] - 1) - 1 - (positions[a] - 1) * stride[a])];
            long taps = kernel[0] * kernel[1], channels = call[0].Tensor.Sizes[^2] / taps;
            Tensor weight = eye(taps, dtype: call.Output.Held.Type).reshape(taps, 1, kernel[0], kernel[1]).repeat(channels, 1, 1, 1);
            Tensor planes = call.Read(0).reshape(-1, channels * taps, positions[0], positions[1]);
            return nn.functional.conv_transpose2d(planes, weight, null, Of(stride), Of(padding), rest, groups: channels, dilation: Of(dilation)).reshape(call.Output.Sizes);
        });
    }

    /// <summary>libtorch lists pads from the last axis to the first, begin and end in turn.</summary>
    private static void PadWith(OperatorCall call, PadMode mode, bool modeIsUnknown = false)
    {
        if (modeIsUnknown)
        {
            call.Refuse("with a mode given as text cannot be recorded: use the padding module of the mode");
            return;
        }

        int rank = call[0].Tensor.Sizes.Length;
        int[] pads = call[1].Integers;
        long[] before = new long[rank], after = new long[rank];
        for (int k = 0; k < pads.Length / 2; k++)
        {
            before[rank - 1 - k] = pads[2 * k];
            after[rank - 1 - k] = pads[(2 * k) + 1];
        }

        call.Emit(new Pad(mode, before, after), [call[0].Tensor]);
    }

    private static int AxisOf(Argument axis, int rank) => (int)((axis.Integer + rank) % rank);

    /// <summary>A position along the axis that argument <paramref name="axis"/> names; negative ones count from the end.</summary>
    private static long Wrapped(Argument position, OperatorCall call, int axis)
    {
        long[] shape = call[0].Tensor.Sizes;
        long size = shape[AxisOf(call[axis], shape.Length)];
        return position.Integer < 0 ? position.Integer + size : position.Integer;
    }
}
