using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Fuzz;

/// <summary>A random model while it is drawn: its steps run at once, so that the next one can see what there is to read.</summary>
internal sealed class Sketch(Random random, ScalarType type)
{
    private const long MostEntries = 3000;
    private readonly Dictionary<int, int> overwritten = [];

    public Random Random => random;

    public ScalarType Type => type;

    public List<Step> Steps { get; } = [];

    public List<nn.Module> Parts { get; } = [];

    public List<Tensor> Values { get; } = [];

    /// <summary>Whether the first axis of a value is certainly the batch.</summary>
    public List<bool> Apart { get; } = [];

    public void Begin(Tensor[] inputs)
    {
        foreach (Tensor input in inputs)
        {
            Values.Add(input.clone());
            Apart.Add(true);
        }
    }

    public int Next(int limit) => random.Next(limit);

    public int Next(int first, int limit) => random.Next(first, limit);

    public bool Chance(int of) => random.Next(of) == 0;

    public T Choose<T>(params T[] all) => all[random.Next(all.Length)];

    /// <summary>What stands for a value now, after it was overwritten.</summary>
    public int Current(int value) => overwritten.TryGetValue(value, out int later) ? Current(later) : value;

    /// <summary>A value, more often a late one.</summary>
    public int Any() => Any(_ => true);

    /// <summary>A value of floating-point numbers that fits, more often a late one; -1 if there is none.</summary>
    public int Any(Func<Tensor, bool> fits)
    {
        int[] all = [.. Enumerable.Range(0, Values.Count).Where(k => Values[k].is_floating_point() && Values[k].numel() > 0 && fits(Values[k]))];
        if (all.Length == 0)
            return -1;
        return Current(random.Next(3) > 0 ? all[^1] : all[random.Next(all.Length)]);
    }

    /// <summary>A constant of the model.</summary>
    public Tensor Weight(params long[] shape) => Spread(shape, 2 / Math.Sqrt(Math.Max(1, shape.Skip(1).Aggregate(1L, (a, b) => a * b))));

    /// <summary>Numbers of both signs, some of them 0.</summary>
    public Tensor Spread(long[] shape, double scale)
    {
        Tensor values = (rand(shape, dtype: float32) * 2 - 1) * scale;
        return (values * (rand(shape) > 0.1)).to(type);
    }

    /// <summary>An axis of a value, seldom the batch.</summary>
    public int Axis(int value)
    {
        int rank = (int)Values[value].ndim;
        return rank > 1 && Apart[value] && !Chance(8) ? random.Next(1, rank) : random.Next(rank);
    }

    /// <summary>An axis as people may write it: counted from the front or from the end.</summary>
    public long Either(int axis, long rank) => Chance(2) ? axis : axis - rank;

    /// <summary>Registers a layer, with its weights in the model's type.</summary>
    public T Part<T>(T module)
        where T : nn.Module
    {
        module.to(type);
        module.eval();
        Parts.Add(module);
        return module;
    }

    /// <summary>Adds a step with one operand and one result.</summary>
    public bool Add(string text, int from, Func<Tensor, Tensor> run, Reference? rule, bool isLinear = false, bool mixes = false, bool overwrites = false) =>
        Add(text, [from], x => [run(x[0])], rule, isLinear, mixes, overwrites);

    /// <summary>Adds a step if it can be computed and is of moderate size.</summary>
    /// <param name="text">What it does.</param>
    /// <param name="from">What it reads.</param>
    /// <param name="run">What it does.</param>
    /// <param name="rule">Its rule.</param>
    /// <param name="isLinear">Whether it is linear in pieces.</param>
    /// <param name="mixes">Whether samples meet, or lie along another axis afterwards.</param>
    /// <param name="overwrites">Whether it overwrites its first operand.</param>
    public bool Add(string text, int[] from, Func<Tensor[], Tensor[]> run, Reference? rule, bool isLinear = false, bool mixes = false, bool overwrites = false)
    {
        if (from.Any(f => f < 0))
            return false;
        Tensor[] operands = [.. from.Select(f => Values[f])];
        Tensor? before = overwrites ? operands[0].clone() : null;
        Tensor[] results;
        try
        {
            using var quiet = no_grad();
            results = run(operands);
        }
        catch (Exception e) when (e is ExternalException or ArgumentException or IndexOutOfRangeException)
        {
            results = []; // it does not take such operands
        }

        if (results.Sum(r => r.numel()) is 0 or > MostEntries || results.Any(r => r.is_floating_point() && r.numel() > 0 && !(r.abs().max().to(float64).item<double>() < 1e4)))
        {
            if (before is not null && !before.allclose(operands[0], 0, 0, true))
                operands[0].copy_(before);
            return false;
        }

        Steps.Add(new Step(text, from, run, rule) { IsLinearPiecewise = isLinear, Overwrites = overwrites, First = Values.Count });
        if (overwrites)
            overwritten[from[0]] = Values.Count;
        foreach (Tensor result in results)
        {
            Values.Add(result);
            Apart.Add(!mixes && from.All(f => Apart[f]) && result.ndim > 0 && result.shape[0] == Values[0].shape[0]);
        }

        return true;
    }

    /// <summary>Values that nobody read join the outputs now and then; the rest are dead branches. Outputs need an axis.</summary>
    public void Finish(List<int> outputs)
    {
        for (int k = 0; k < outputs.Count; k++)
        {
            int value = outputs[k];
            if (Values[value].ndim == 0)
            {
                Add("reshape[1, 1]", value, x => x.reshape(1, 1), References.Copies(x => x.reshape(1, 1)), isLinear: true, mixes: true);
                outputs[k] = Values.Count - 1;
            }
        }
    }
}
