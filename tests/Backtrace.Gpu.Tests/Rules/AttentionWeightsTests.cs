using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>The weights of a block of an attention against a softmax in float64, by a thread and by a group of threads per row.</summary>
internal sealed class AttentionWeightsTests
{
    private const int Samples = 2, KeyHeads = 2, Heads = 4, Queries = 6;

    // The block: pairs 1 and 2 of four, and rows of both heads that share their keys.
    private const int FirstPair = 1, Pairs = 2, FirstRow = 3, BlockRows = 7;
    private const float Scale = 0.5f;
    private const float Nothing = float.NegativeInfinity;

    // Products and a mask, from the number of keys and random numbers.
    private static readonly Dictionary<string, Func<int, Random, Case>> Cases = new()
    {
        ["plain"] = (keys, random) => new Case(Draw(random, keys)),
        ["causal"] = (keys, random) => new Case(Draw(random, keys)) { IsCausal = true },
        ["mask of queries"] = (keys, random) => new Case(Draw(random, keys)) { Kind = AttentionMask.Boolean, Mask = Boolean(random, 1, 1, Queries, keys) },
        ["mask of heads"] = (keys, random) => new Case(Draw(random, keys)) { Kind = AttentionMask.Boolean, Mask = Boolean(random, 1, Heads, Queries, keys) },
        ["padding"] = (keys, random) => new Case(Draw(random, keys)) { Kind = AttentionMask.Boolean, Mask = Values.Of([Samples, 1, 1, keys], i => i % keys < keys / 2 + i / keys ? 1 : 0) },
        ["rows without keys"] = (keys, random) => new Case(Draw(random, keys)) { Kind = AttentionMask.Boolean, Mask = Values.Of([Queries, keys], i => i / keys % 2) },
        ["one entry for all keys"] = (keys, random) => new Case(Draw(random, keys)) { Kind = AttentionMask.Boolean, Mask = Values.Of([Queries, 1], i => i % 2) },
        ["added"] = (keys, random) => new Case(Draw(random, keys)) { Kind = AttentionMask.Additive, Mask = Values.Of([Samples, Heads, Queries, keys], _ => random.NextSingle() * 4 - 2) },
        ["added to all keys"] = (keys, random) => new Case(Draw(random, keys)) { Kind = AttentionMask.Additive, Mask = Values.Of([Queries, 1], i => i % 2 == 0 ? Nothing : 3) },
        ["minus infinity added"] = (keys, random) => new Case(Draw(random, keys)) { Kind = AttentionMask.Additive, Mask = Values.Of([Queries, keys], i => i / keys == 4 || random.Next(3) == 0 ? Nothing : 0) },
        ["scores of minus infinity"] = (keys, random) => new Case([.. Draw(random, keys).Select((p, i) => i / keys == 2 || random.Next(3) == 0 ? Nothing : p)]),
        ["far apart"] = (keys, random) => new Case([.. Draw(random, keys).Select(p => p * 100)]),
        ["very large"] = (keys, random) => new Case([.. Draw(random, keys).Select((p, i) => i % keys == keys - 1 || random.Next(3) == 0 ? 3e38f : p * 1e37f)]),
        ["very small"] = (keys, random) => new Case([.. Draw(random, keys).Select((p, i) => i % keys == keys - 1 ? -3e38f : -3.2e38f)]),
    };

    private static IEnumerable<string> Names => Cases.Keys;

    private static IEnumerable<(string Device, bool AreShared)> Ways =>
        [.. TestDevices.All.Select(id => (id, false)), .. TestDevices.All.Where(id => id != "cpu").Select(id => (id, true))];

    // Fewer and more keys than threads, and numbers that no group divides; the last has groups of all sizes but the smallest.
    [Test]
    public void AreThoseOfASoftmax(
        [ValueSource(nameof(Names))] string name, [Values(1, 31, 33, 128, 1001, 4200)] int keys, [ValueSource(nameof(Ways))] (string Device, bool AreShared) way)
    {
        Case block = Cases[name](keys, new Random(keys));
        using Arena arena = new(TestDevices.Get(way.Device));
        float[] actual = Weights(arena, block, keys, way.AreShared);
        double[] expected = Expected(block, keys);
        Assert.That(actual, Is.EqualTo(expected).Within(1e-5));
        Assert.That(actual.Where((_, i) => expected[i] == 0), Is.All.Zero, "what is not seen has no weight");
    }

    private static float[] Weights(Arena arena, Case block, int keys, bool areShared)
    {
        Device device = arena.Device;
        Attention operation = new(new AttentionShape(Samples, Heads, KeyHeads, Queries, keys, 1, 1), Scale, block.IsCausal, block.Kind);
        AttentionScores scores = new()
        {
            Products = arena.Upload(block.Products),
            Mask = arena.Upload(block.Mask?.Data ?? [float.NaN]),
            Layout = AttentionMaskLayout.Of(operation, block.Mask?.Shape ?? []),
            FirstPair = FirstPair,
            FirstRow = FirstRow,
            Rows = BlockRows,
            Keys = keys,
            Queries = Queries,
            Scale = Scale,
            IsCausal = block.IsCausal ? 1 : 0,
        };
        const int rows = Pairs * BlockRows;
        if (areShared)
            Rows.RunGroups(device, new GroupedAttentionWeights { Scores = scores }, rows, keys);
        else if (device.IsDirect)
            device.RunItems(new AttentionWeights<Simd> { Scores = scores, Scratch = arena.Blank(rows * AttentionWeights<Simd>.Lanes) }, rows);
        else
            device.RunItems(new AttentionWeights<Octet> { Scores = scores, Scratch = arena.Blank(rows * AttentionWeights<Octet>.Lanes) }, rows);
        return device.Download(scores.Products);
    }

    private static double[] Expected(Case block, int keys)
    {
        double[] weights = new double[Pairs * BlockRows * keys];
        for (int line = 0; line < Pairs * BlockRows; line++)
        {
            int pair = FirstPair + (line / BlockRows), row = FirstRow + (line % BlockRows), query = row % Queries;
            int head = (pair % KeyHeads * (Heads / KeyHeads)) + (row / Queries);
            double[] scores = [.. Enumerable.Range(0, keys).Select(s => Score(block, block.Products[(line * keys) + s], [pair / KeyHeads, head, query, s]))];
            double highest = scores.Max();
            if (double.IsNegativeInfinity(highest))
                continue;
            double total = scores.Sum(x => Math.Exp(x - highest));
            for (int s = 0; s < keys; s++)
                weights[(line * keys) + s] = Math.Exp(scores[s] - highest) / total;
        }

        return weights;
    }

    private static double Score(Case block, float product, int[] place)
    {
        double score = Scale * (double)product;
        if (block.IsCausal && place[3] > place[2])
            return double.NegativeInfinity;
        if (block.Mask is not { } mask)
            return score;

        // The mask broadcasts: its axes are the last ones.
        long at = 0;
        for (int axis = 0; axis < mask.Shape.Length; axis++)
            at = (at * mask.Shape[axis]) + (mask.Shape[axis] == 1 ? 0 : place[axis + 4 - mask.Shape.Length]);
        return block.Kind == AttentionMask.Additive ? score + mask.Data[at] : mask.Data[at] != 0 ? score : double.NegativeInfinity;
    }

    private static float[] Draw(Random random, int keys) => [.. Enumerable.Range(0, Pairs * BlockRows * keys).Select(_ => random.NextSingle() * 16 - 8)];

    private static Values Boolean(Random random, params long[] shape) => Values.Of(shape, _ => random.Next(2));

    private sealed record Case(float[] Products)
    {
        public AttentionMask Kind { get; init; }

        public Values? Mask { get; init; }

        public bool IsCausal { get; init; }
    }
}
