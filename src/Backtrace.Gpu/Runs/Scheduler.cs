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
internal sealed class Scheduler(Device device, IContraction contraction, Arena arena, RuleSet rules)
{
    internal static readonly int Entries = Enum.GetValues<LedgerEntry>().Length;

    /// <summary>Hears how long each visit took, for profiles. The device is waited for after every visit then.</summary>
    public Action<Node, TimeSpan>? Visited { get; set; }

    /// <summary>Hands the seeds back to the inputs. <paramref name="seeds"/>: one block per seed, shaped as <paramref name="output"/>.</summary>
    /// <exception cref="UnsupportedLayerException">Nodes between the inputs and the output have no rule.</exception>
    public SeedResult[] Run(RelevanceGraph graph, Value output, IReadOnlyList<Block> seeds, int rows, IReadOnlySet<string> keep, CancellationToken cancellation)
    {
        bool[] onPath = NodesOnPath(graph, output);
        EnsureRules(graph, onPath);
        int perSeed = 1 + graph.Nodes.Sum(n => n.InputValues.Length + Entries);
        using LedgerBook book = new(device, arena, seeds.Count * perSeed, rows);
        using Activations activations = new(device, arena);
        NodeVisit visit = new(device, contraction, arena, activations, book, seeds.Count);
        SeedStream[] streams = [.. seeds.Select(_ => new SeedStream(graph.Values.Count))];
        try
        {
            long length = DeviceTensor.Count(output.Sizes);
            for (int s = 0; s < streams.Length; s++)
            {
                int slot = book.Sum(seeds[s].View.SubView(0, length));
                streams[s].Start.Add(slot);
                streams[s].ByValue[output.Id] = new Relevance(seeds[s].Retain(), length, [slot]);
            }

            for (int k = graph.Nodes.Count - 1; k >= 0; k--)
            {
                if (!onPath[k])
                    continue;
                cancellation.ThrowIfCancellationRequested();
                Node node = graph.Nodes[k];
                Rule rule = rules.Find(node.Operation)!;
                long started = Visited is null ? 0 : Stopwatch.GetTimestamp();
                for (int s = 0; s < streams.Length; s++)
                    Visit(node, rule, streams[s], s, visit, keep);
                visit.Finish();
                Report(node, started);
            }

            book.Close();
            return [.. streams.Select(s => SeedResult.Read(device, graph, s, book))];
        }
        finally
        {
            visit.Finish();
            foreach (SeedStream stream in streams)
                stream.Release();
        }
    }

    private void Report(Node node, long started)
    {
        if (Visited is null)
            return;
        device.Synchronize();
        Visited(node, Stopwatch.GetElapsedTime(started));
    }

    /// <summary>Nodes between the inputs and an output.</summary>
    private static bool[] NodesOnPath(RelevanceGraph graph, Value output)
    {
        bool[] onPath = new bool[graph.Nodes.Count];
        bool[] wanted = new bool[graph.Values.Count];
        wanted[output.Id] = true;
        for (int k = graph.Nodes.Count - 1; k >= 0; k--)
        {
            Node node = graph.Nodes[k];
            foreach (Value result in node.OutputValues)
                onPath[k] |= wanted[result.Id];
            if (!onPath[k])
                continue;
            foreach (Value input in node.InputValues)
                wanted[input.Id] |= input.IsDynamic;
        }

        return onPath;
    }

    private void EnsureRules(RelevanceGraph graph, bool[] onPath)
    {
        List<string> missing = [];
        foreach (Node node in graph.Nodes)
        {
            if (onPath[node.Index] && rules.Find(node.Operation) is null)
                missing.Add(node.Operation is Refused refused ? $"{node.Name}: {refused.Operator} {refused.Reason}" : $"{node.Name}: {node.Operation.Name} has no rule in this rule set");
        }

        if (missing.Count > 0)
            throw new UnsupportedLayerException(missing);
    }

    private void Visit(Node node, Rule rule, SeedStream stream, int seed, NodeVisit visit, IReadOnlySet<string> keep)
    {
        Relevance?[] arriving = new Relevance?[node.OutputValues.Length];
        List<int> arrivedSlots = [];
        for (int k = 0; k < arriving.Length; k++)
        {
            arriving[k] = stream.Take(node.OutputValues[k]);
            if (arriving[k] is { } some)
                arrivedSlots.AddRange(some.Slots);
        }

        if (arrivedSlots.Count == 0)
            return;
        try
        {
            if (keep.Contains(node.Name) && arriving[0] is { } kept)
                stream.Keep(node.Name, kept, node.OutputValues[0].Sizes);
            (Relevance?[] given, int[] accounts) = visit.Apply(rule, node, arriving, seed);
            HandOn(node, stream, arrivedSlots, given, accounts);
        }
        finally
        {
            foreach (Relevance? done in arriving)
                done?.Block.Release();
        }
    }

    private void HandOn(Node node, SeedStream stream, List<int> arrivedSlots, Relevance?[] given, int[] accounts)
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
        }

        stream.Accounts.Add(new NodeAccount(node, arrivedSlots, handedOn, constants, accounts));
    }

    /// <summary>Adds relevance to what other consumers sent.</summary>
    private void Deliver(SeedStream stream, Value value, Relevance relevance)
    {
        ref Relevance? present = ref stream.ByValue[value.Id];
        if (present is null)
        {
            present = relevance;
            return;
        }

        if (present.Block.References > 1)
        {
            // The memory is somebody else's too: swap if the other one is free, else copy.
            if (relevance.Block.References == 1)
            {
                (present, relevance) = (relevance, present);
            }
            else
            {
                Block own = arena.Rent(present.Length);
                device.Run(new Copy { Source = present.Block.View, Target = own.View }, present.Length);
                present.Block.Release();
                present.Block = own;
            }
        }

        device.Run(new Accumulate { Source = relevance.Block.View, Target = present.Block.View }, present.Length);
        present.Slots.AddRange(relevance.Slots);
        relevance.Block.Release();
    }
}
