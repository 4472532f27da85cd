namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Sums over explained inputs.</summary>
internal sealed class Totals
{
    private readonly Dictionary<string, LayerTotals> layers = [];

    internal int Count { get; private set; }

    internal Account Account { get; private set; }

    /// <summary>The account of the opposing relevance; zeros in default mode.</summary>
    internal Account Opposing { get; private set; }

    /// <summary>The layers that were kept; one that relevance missed for all inputs is not there.</summary>
    internal IReadOnlyDictionary<string, LayerTotals> Layers => layers;

    internal static Totals Of(IEnumerable<Explained> inputs)
    {
        Totals totals = new();
        foreach (Explained e in inputs)
            totals.Add(e);
        return totals;
    }

    internal void Add(Explained e)
    {
        Count++;
        Account += e.Account;
        foreach (LayerMap map in e.Flow.Layers)
            layers[map.Name] = layers.GetValueOrDefault(map.Name).Plus(map.Positive, map.Negative, 0);
        if (e.Opposing is null)
            return;
        Opposing += e.Opposing.Account;
        foreach (LayerMap map in e.Opposing.Layers)
            layers[map.Name] = layers.GetValueOrDefault(map.Name).Plus(0, 0, map.Positive + map.Negative);
    }
}

/// <summary>Relevance at the output of one layer.</summary>
/// <param name="Positive">That above zero.</param>
/// <param name="Negative">That below zero, with its sign.</param>
/// <param name="Opposing">Opposing relevance; 0 in default mode.</param>
internal readonly record struct LayerTotals(double Positive, double Negative, double Opposing)
{
    internal LayerTotals Plus(double positive, double negative, double opposing) => new(Positive + positive, Negative + negative, Opposing + opposing);
}
