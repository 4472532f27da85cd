using Backtrace.Gpu.Graphs;

namespace Backtrace.Gpu.Runs;

/// <summary>Ledger slots of one node's visit; read when the run is over.</summary>
internal sealed record NodeAccount(Node Node, IReadOnlyList<int> In, List<int> Out, List<int> Constants, int[] Entries);

/// <summary>The relevance of one seed on its way through the graph.</summary>
internal sealed class SeedStream(int values)
{
    /// <summary>Relevance that waits at each value, by value id.</summary>
    public Relevance?[] ByValue { get; } = new Relevance?[values];

    /// <summary>Layers that the caller asked for.</summary>
    public Dictionary<string, (Relevance Relevance, long[] Shape)> Kept { get; } = [];

    /// <summary>Accounts in the order of the visits.</summary>
    public List<NodeAccount> Accounts { get; } = [];

    /// <summary>Slot of the seed's sum.</summary>
    public List<int> Start { get; } = [];

    public Relevance? Take(Value value)
    {
        Relevance? taken = ByValue[value.Id];
        ByValue[value.Id] = null;
        return taken;
    }

    public void Keep(string layer, Relevance relevance, long[] shape) =>
        Kept[layer] = (new Relevance(relevance.Block.Retain(), relevance.Length, relevance.Slots), shape);

    public void Release()
    {
        foreach (Relevance? left in ByValue)
            left?.Block.Release();
        foreach ((Relevance kept, _) in Kept.Values)
            kept.Block.Release();
        Array.Clear(ByValue);
        Kept.Clear();
    }
}
