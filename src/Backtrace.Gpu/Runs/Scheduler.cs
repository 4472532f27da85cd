using System.Diagnostics;
using Backtrace.Gpu.Graphs;
using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;

namespace Backtrace.Gpu.Runs;

/// <summary>
/// Walks a graph from an output to the inputs: the relevance of a value is complete when all its consumers were visited, then the
/// rule of its producer hands it on, for every seed in turn, and what is no longer needed goes back to the arena.
/// </summary>
internal sealed class Scheduler(Device device, IContraction contraction, Arena arena, RuleSet rules, KeptWeights? kept)
{
    internal static readonly int Entries = Enum.GetValues<LedgerEntry>().Length;

    /// <summary>Hears how long each visit took, for profiles. The device is waited for after every visit then.</summary>
    public Action<Node, TimeSpan>? Visited { get; set; }

    /// <summary>
    /// Hands the seeds back to the inputs. <paramref name="seeds"/>: one per stream, shaped as <paramref name="output"/>; in contrastive
    /// mode a supporting and an opposing one in turn. One result per seed.
    /// </summary>
    /// <exception cref="UnknownLayerException">The rule set has a rule for a layer that is not there, or is of another operation; or a layer to keep is not there.</exception>
    /// <exception cref="UnsupportedLayerException">Nodes between the inputs and the output have no rule.</exception>
    public RelevanceStream[] Run(RelevanceGraph graph, Value output, IReadOnlyList<Seed> seeds, int rows, IReadOnlySet<string> keep, CancellationToken cancellation)
    {
        bool[] onPath = graph.NodesOnPath([output]);
        EnsureLayers(graph, keep);
        EnsureRules(graph, onPath);
        int perSeed = 1 + graph.Nodes.Sum(n => n.InputValues.Length + Entries);
        using LedgerBook book = new(device, arena, seeds.Count * perSeed, rows, rules.IsSigned);
        using Activations activations = new(device, arena, kept);
        Action<Value> leaving = activations.Release;
        int perTarget = graph.Mode == Mode.Contrastive ? 2 : 1;
        NodeVisit[] visits = [.. Enumerable.Range(0, perTarget).Select(_ => new NodeVisit(device, contraction, arena, activations, book, seeds.Count / perTarget))];
        SeedStream[] streams = [.. seeds.Select(_ => new SeedStream(graph.Values.Count))];
        try
        {
            // Nothing else hands relevance to the output: its producer takes that of one target after another, and then it is gone.
            if (output.Producer is null)
                Start(0, streams.Length);
            for (int k = graph.Nodes.Count - 1; k >= 0; k--)
            {
                if (!onPath[k])
                    continue;
                cancellation.ThrowIfCancellationRequested();
                Node node = graph.Nodes[k];
                graph.EnsureFilled(node, leaving);
                Rule rule = rules.Find(node.Name, node.Operation)!;
                long started = Visited is null ? 0 : Stopwatch.GetTimestamp();
                for (int s = 0; s < streams.Length; s += perTarget)
                {
                    if (node == output.Producer)
                        Start(s, perTarget);
                    Visit(node, rule, streams.AsSpan(s, perTarget), s / perTarget, visits, keep);
                }

                Finish(visits);
                Report(node, started);
                // Consumers of its results were visited before; inputs and constants stay until the end.
                foreach (Value result in node.OutputValues)
                    activations.Release(result);
            }

            book.Close();
            bool rowsAreSamples = rows > 1 && BatchAxis.IsFirst(graph, onPath, rows);
            return [.. streams.Select(s => SeedResult.Read(device, graph, s, book, rowsAreSamples))];
        }
        finally
        {
            Finish(visits);
            foreach (SeedStream stream in streams)
                stream.Release();
        }

        void Start(int first, int count)
        {
            for (int s = first; s < first + count; s++)
            {
                // Where the stream releases it, before anything else can fail.
                Relevance start = streams[s].ByValue[output.Id] = new Relevance(seeds[s].Upload(device, arena), seeds[s].Length, [], seeds[s].Entries);
                int slot = book.Sum(start.Block.View.SubView(0, seeds[s].Length));
                streams[s].Start.Add(slot);
                start.Slots.Add(slot);
            }
        }
    }

    private void Report(Node node, long started)
    {
        if (Visited is null)
            return;
        device.Synchronize();
        Visited(node, Stopwatch.GetElapsedTime(started));
    }

    private void EnsureLayers(RelevanceGraph graph, IReadOnlySet<string> keep)
    {
        graph.EnsureHas("an entry of Layers", keep);
        graph.EnsureHas("a rule", rules.Layers.Keys);
        foreach ((string layer, Rule rule) in rules.Layers)
        {
            Node node = graph.Nodes.First(n => n.Name == layer);
            if (!rule.Serves.IsInstanceOfType(node.Operation))
                throw new UnknownLayerException($"The options have a rule for '{layer}' that serves {rule.Serves.Name}, but that layer is of the operation {node.Operation.GetType().Name} ({node.Operation.Name}).");
        }
    }

    private void EnsureRules(RelevanceGraph graph, bool[] onPath)
    {
        List<string> missing = [];
        foreach (Node node in graph.Nodes)
        {
            if (onPath[node.Index] && rules.Find(node.Name, node.Operation) is null)
                missing.Add(node.Operation is Refused refused ? $"{node.Name}: {refused.Operator} {refused.Reason}" : $"{node.Name}: {node.Operation.Name} has no rule in this rule set");
        }

        if (missing.Count > 0)
            throw new UnsupportedLayerException(missing);
    }

    private static void Finish(NodeVisit[] visits)
    {
        foreach (NodeVisit visit in visits)
            visit.Finish();
    }

    /// <summary>Runs a rule for one target: for its one stream, or for its two at once.</summary>
    private void Visit(Node node, Rule rule, ReadOnlySpan<SeedStream> streams, int seed, NodeVisit[] visits, IReadOnlySet<string> keep)
    {
        Relevance?[][] arriving = new Relevance?[streams.Length][];
        int[][] slots = new int[streams.Length][];
        for (int s = 0; s < streams.Length; s++)
            arriving[s] = Array.ConvertAll(node.OutputValues, streams[s].Take);
        try
        {
            if (arriving.All(a => a.All(r => r is null or { Length: 0 })))
                return; // an output without entries hands nothing on either
            Complete(arriving);
            for (int s = 0; s < streams.Length; s++)
            {
                slots[s] = [.. arriving[s].SelectMany(r => r?.Slots ?? [])];
                if (keep.Contains(node.Name) && arriving[s][0] is { } kept)
                    streams[s].Keep(node.Name, kept, node.OutputValues[0].Sizes);
                visits[s].Open(node, arriving[s], seed);
            }

            if (streams.Length == 1)
                rule.Apply(visits[0]);
            else
                rule.ApplyContrastive(visits[0], visits[1]);
            for (int s = 0; s < streams.Length; s++)
            {
                (Relevance?[] given, int[] accounts) = visits[s].Close();
                HandOn(node, streams[s], slots[s], given, accounts);
            }
        }
        finally
        {
            foreach (Relevance? done in arriving.SelectMany(a => a))
                done?.Block.Release();
        }
    }

    /// <summary>Where relevance of one stream arrived, the other has zeros: rules see both or neither.</summary>
    private void Complete(Relevance?[][] arriving)
    {
        for (int k = 0; k < arriving[0].Length; k++)
        {
            long? length = arriving.FirstOrDefault(a => a[k] is not null)?[k]!.Length;
            foreach (Relevance?[] stream in arriving)
            {
                if (length is null || stream[k] is not null)
                    continue;
                Relevance zeros = new(arena.Rent(length.Value), length.Value, []);
                stream[k] = zeros;
                device.Run(new Fill { Target = zeros.Block.View, Value = 0 }, length.Value);
            }
        }
    }

    // What was delivered is taken out of given; the visit releases what an interruption leaves there.
    private void HandOn(Node node, SeedStream stream, IReadOnlyList<int> arrivedSlots, Relevance?[] given, int[] accounts)
    {
        List<int> handedOn = [], constants = [];
        for (int k = 0; k < given.Length; k++)
        {
            if (given[k] is not { } relevance)
                continue;
            if (node.InputValues[k].IsDynamic)
            {
                handedOn.AddRange(relevance.Slots);
                Deliver(stream, node.InputValues[k], relevance);
            }
            else
            {
                constants.AddRange(relevance.Slots);
                relevance.Block.Release();
            }

            given[k] = null;
        }

        stream.Accounts.Add(new NodeAccount(node, arrivedSlots, handedOn, constants, accounts));
    }

    /// <summary>Adds relevance to what other consumers sent. Takes it over, unless it throws.</summary>
    private void Deliver(SeedStream stream, Value value, Relevance relevance)
    {
        if (stream.ByValue[value.Id] is not { } present)
        {
            stream.ByValue[value.Id] = relevance;
            return;
        }

        // The sum is made in memory that nobody else uses.
        (Relevance sum, Relevance other) = present.Block.References > 1 && relevance.Block.References == 1 ? (relevance, present) : (present, relevance);
        if (sum.Block.References > 1)
        {
            Block own = arena.Rent(sum.Length), shared = sum.Block;
            sum.Block = own;
            shared.Release();
            device.Run(new Copy { Source = shared.View, Target = own.View }, sum.Length);
        }

        device.Run(new Accumulate { Source = other.Block.View, Target = sum.Block.View }, sum.Length);
        sum.Entries = null;
        sum.Slots.AddRange(other.Slots);
        stream.ByValue[value.Id] = sum;
        other.Block.Release();
    }
}
