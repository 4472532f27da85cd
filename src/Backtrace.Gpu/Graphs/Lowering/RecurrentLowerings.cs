using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Kernels.Rules.Recurrent;

namespace Backtrace.Gpu.Graphs;

internal static partial class Lowerings
{
    private static void RegisterRecurrent(Dictionary<string, Lowering> table)
    {
        (string Name, RecurrentCell Cell)[] cells =
            [("lstm", RecurrentCell.Lstm), ("gru", RecurrentCell.Gru), ("rnn_tanh", RecurrentCell.Tanh), ("rnn_relu", RecurrentCell.Relu)];
        foreach ((string name, RecurrentCell cell) in cells)
        {
            table.Add(name, call => Recur(call, cell));
            table.Add(name + "_cell", call => RecurOnce(call, cell));
        }

        table.Add("_pack_padded_sequence", Pack);
        table.Add("_pad_packed_sequence", Unpack);
    }

    // (input, [batch sizes,] states, weights, has biases, layers, dropout, training, bidirectional[, batch first]). An LSTM has a list of states.
    private static void Recur(OperatorCall call, RecurrentCell cell)
    {
        bool isPacked = call.Overload.StartsWith("data", StringComparison.Ordinal);
        int next = isPacked ? 2 : 1;
        Value[] states = States(call[next]);
        Value x = call[0].Tensor;
        Value[] weights = [.. call[next + 1].Items.Select(i => i.Tensor)];
        bool hasBiases = call[next + 2].Boolean, isBidirectional = call[next + 6].Boolean;
        if (call[next + 4].Number > 0 && call[next + 5].Boolean)
            call.Refuse("has dropout between its layers and is in training mode: call eval() on it");
        else if (!AreUsual(call, x, states, weights))
            return;
        else
        {
            int layers = (int)call[next + 3].Integer;
            bool isBatchFirst = !isPacked && call[8].Boolean;
            RecurrentSteps steps = isPacked ? Packed(call[1].Tensor) : RecurrentSteps.Dense((int)x.Sizes[isBatchFirst ? 1 : 0], (int)x.Sizes[isBatchFirst ? 0 : 1], isBatchFirst);
            call.Emit(new RecurrentLayers(cell, layers, isBidirectional, steps), [x, .. states], Named(weights, layers, isBidirectional, hasBiases));
        }
    }

    // (input, states, weight of the input, weight of the state, bias of the input, bias of the state)
    private static void RecurOnce(OperatorCall call, RecurrentCell cell)
    {
        Value x = call[0].Tensor;
        Value[] states = States(call[1]);
        Value[] weights = [call[2].Tensor, call[3].Tensor, .. call[4].IsTensor ? [call[4].Tensor, call[5].Tensor] : Array.Empty<Value>()];
        if (AreUsual(call, x, states, weights))
        {
            RecurrentSteps step = RecurrentSteps.Dense(1, (int)x.Sizes[0], batchFirst: false);
            call.Emit(new RecurrentLayers(cell, 1, false, step, IsStep: true), [x, .. states], Named(weights, 1, false, weights.Length > 2));
        }
    }

    // (sequences, lengths, batch first) to (rows, sequences at each step)
    private static void Pack(OperatorCall call)
    {
        (Value rows, Value counts) = (call.Outputs[0], call.Outputs[1]);
        call.EmitNothing(); // the counts
        call.Outputs = [rows];
        rows.IsDynamic = true;
        Value padded = call[0].Tensor;
        bool isBatchFirst = call[2].Boolean;
        call.Emit(new IndexMap(PaddedRows(Packed(counts), padded.Sizes, isBatchFirst), "PackSequence", RowWidth(padded)), [padded]);
    }

    // (rows, sequences at each step, batch first, value, length) to (sequences, lengths)
    private static void Unpack(OperatorCall call)
    {
        (Value padded, Value rows) = (call.Outputs[0], call[0].Tensor);
        call.EmitNothing(); // the lengths
        call.Outputs = [padded];
        padded.IsDynamic = true;
        long[] sources = [.. Enumerable.Repeat(-1L, checked((int)(padded.Sizes[0] * padded.Sizes[1])))];
        long row = 0;
        foreach (long place in PaddedRows(Packed(call[1].Tensor), padded.Sizes, call[2].Boolean))
            sources[place] = row++;
        call.Emit(new IndexMap(sources, "UnpackSequence", RowWidth(padded)), [rows]);
    }

    // Where each packed row lies among the padded ones.
    private static long[] PaddedRows(RecurrentSteps steps, long[] shape, bool isBatchFirst) =>
        [.. steps.Rows.SelectMany((count, step) => Enumerable.Range(0, count).Select(n => isBatchFirst ? n * shape[1] + step : step * shape[1] + n))];

    private static int RowWidth(Value padded) => checked((int)DeviceTensor.Count(padded.Sizes.AsSpan(2)));

    private static Value[] States(Argument states) => states.IsTensor ? [states.Tensor] : [.. states.Items.Select(i => i.Tensor)];

    private static bool AreUsual(OperatorCall call, Value x, Value[] states, Value[] weights)
    {
        string? obstacle = weights.Any(w => w.IsDynamic) ? "has weights that depend on the input"
            : states.Any(s => s.Sizes[^1] != states[0].Sizes[^1]) ? "projects its state (proj_size), which has no rule"
            : null;
        if (obstacle != null)
            call.Refuse(obstacle);
        return obstacle == null;
    }

    // Sequences sorted by length: how many there are at each step.
    private static unsafe RecurrentSteps Packed(Value batchSizes)
    {
        ReadOnlySpan<long> rows = new((long*)batchSizes.Held.Data, checked((int)DeviceTensor.Count(batchSizes.Sizes)));
        return new RecurrentSteps([.. rows.ToArray().Select(r => (int)r)], BatchFirst: false);
    }

    // libtorch lists them layer by layer and direction by direction.
    private static (string Role, Argument Value)[] Named(Value[] weights, int layers, bool isBidirectional, bool hasBiases)
    {
        string[] roles = hasBiases ? ["weight_ih", "weight_hh", "bias_ih", "bias_hh"] : ["weight_ih", "weight_hh"];
        string[] endings = isBidirectional ? ["", "_reverse"] : [""];
        IEnumerable<string> names = from layer in Enumerable.Range(0, layers) from ending in endings from role in roles select $"{role}_l{layer}{ending}";
        return [.. names.Zip(weights, (name, weight) => (name, new Argument(ArgumentKind.Tensor, 0, 0, weight, null)))];
    }
}
