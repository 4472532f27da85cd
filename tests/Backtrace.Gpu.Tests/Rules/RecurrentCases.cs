using Backtrace.Gpu.Kernels.Rules.Recurrent;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>Random recurrent layers: one or two layers and directions, both layouts and packed rows, with and without biases.</summary>
internal static class RecurrentCases
{
    internal static RuleCase Layers(Random r, RecurrentCell cell)
    {
        int layers = r.Next(1, 3), directions = r.Next(1, 3), units = r.Next(1, 12), inputs = r.Next(1, 5);
        int gates = cell switch { RecurrentCell.Lstm => 4, RecurrentCell.Gru => 3, _ => 1 };
        (RecurrentSteps steps, long[] rows) = Steps(r);
        long[] state = [layers * directions, steps.Batch, units];
        long[][] outputs = [[.. rows, directions * units], state, .. cell == RecurrentCell.Lstm ? [state] : Array.Empty<long[]>()];
        bool hasBiases = r.Next(2) == 0;
        Dictionary<string, Values> parameters = [];
        for (int k = 0; k < layers * directions; k++)
        {
            string ending = $"_l{k / directions}{(k % directions == 1 ? "_reverse" : "")}";
            parameters["weight_ih" + ending] = Weights(r, gates * units, k / directions == 0 ? inputs : directions * units);
            parameters["weight_hh" + ending] = Weights(r, gates * units, units);
            if (!hasBiases)
                continue;
            parameters["bias_ih" + ending] = Weights(r, gates * units);
            parameters["bias_hh" + ending] = Weights(r, gates * units);
        }

        return new RuleCase(
            new RecurrentLayers(cell, layers, directions == 2, steps), Oracle.None, _ => [.. outputs.Select(o => zeros(o))], [[.. rows, inputs], .. outputs[1..]])
        {
            Parameters = parameters,
        };
    }

    private static (RecurrentSteps Steps, long[] Rows) Steps(Random r)
    {
        int count = r.Next(1, 5), batch = r.Next(1, 4), layout = r.Next(3);
        if (layout == 2)
        {
            int[] packed = [.. Enumerable.Range(0, count).Select(_ => r.Next(1, 4)).OrderDescending()];
            return (new RecurrentSteps(packed, BatchFirst: false), [packed.Sum()]);
        }

        return (RecurrentSteps.Dense(count, batch, layout == 1), layout == 1 ? [batch, count] : [count, batch]);
    }

    private static Values Weights(Random r, params long[] shape) => Values.Of(shape, _ => 2 * r.NextSingle() - 1);
}
