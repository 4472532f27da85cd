using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Fuzz;

/// <summary>Relevance of a random model's inputs by the rules of its steps, from values that a forward pass left.</summary>
internal static class SlowRun
{
    /// <summary>Relevance of every input; null where a step has no slow rule, or was overwritten behind the back of one that reads it.</summary>
    public static Tensor[]? Explain(RandomModel model, float[] start)
    {
        if (model.Steps.Any(s => s.Default is null))
            return null;
        using var quiet = no_grad();
        List<(Step Step, int[] From, Tensor[] X, int First, int Count)> done = [];
        List<Tensor> known = [];
        List<int> now = [];
        bool isFaithful = true;
        Tensor[] inputs = model.Inputs();
        foreach (Tensor input in inputs)
        {
            now.Add(known.Count);
            known.Add(input.clone());
        }

        Tensor[] outputs = model.Forward(inputs, (step, operands, results) =>
        {
            if (results is null)
            {
                isFaithful &= step.From.Zip(operands).All(p => Same(known[now[p.First]], p.Second));
                done.Add((step, [.. step.From.Select(f => now[f])], [.. operands.Select(o => o.clone().to(ScalarType.Float64))], 0, 0));
                return;
            }

            done[^1] = done[^1] with { First = known.Count, Count = results.Length };
            foreach (Tensor result in results)
            {
                now.Add(known.Count);
                known.Add(result.clone());
            }

            if (step.Overwrites)
                now[step.From[0]] = now[^1];
        });
        int output = now[model.Outputs[0]];
        if (!isFaithful || !Same(known[output], outputs[0]))
            return null;
        Tensor?[] relevance = new Tensor?[known.Count];
        relevance[output] = tensor(start).to(ScalarType.Float64).reshape(outputs[0].shape);
        foreach ((Step step, int[] from, Tensor[] x, int first, int count) in Enumerable.Reverse(done))
        {
            Tensor?[] arrived = relevance[first..(first + count)];
            if (arrived.All(a => a is null))
                continue;
            Tensor[] handed = step.Default!(x, [.. arrived.Select((a, k) => a ?? zeros(known[first + k].shape, dtype: ScalarType.Float64))]);
            for (int k = 0; k < from.Length; k++)
                relevance[from[k]] = relevance[from[k]] is { } present ? present + handed[k] : handed[k];
        }

        return [.. inputs.Select((i, k) => relevance[k] ?? zeros(i.shape, dtype: ScalarType.Float64))];
    }

    private static bool Same(Tensor a, Tensor b) => a.shape.SequenceEqual(b.shape) && a.eq(b).all().item<bool>();
}
