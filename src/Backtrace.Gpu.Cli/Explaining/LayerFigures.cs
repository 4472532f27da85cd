namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>One line of the table of layers: relevance on average over all explanations, saturation over all units.</summary>
/// <param name="Layer">Name of the layer.</param>
/// <param name="Operator">What it computes.</param>
/// <param name="Saturated">Share of saturated units; null where no activation with a flat side follows.</param>
/// <param name="SaturationTest">What counts as saturated.</param>
/// <param name="BiasToInput">Relevance that its biases took, per relevance that its inputs received; null where those received none.</param>
/// <param name="Positive">Relevance above zero at its output; in contrastive mode the supporting relevance.</param>
/// <param name="Negative">Relevance below zero, with its sign; in contrastive mode the opposing relevance.</param>
internal sealed record LayerFigures(string Layer, string Operator, double? Saturated, string? SaturationTest, double? BiasToInput, double Positive, double Negative)
{
    /// <summary>The layers that were kept, from the input to the output.</summary>
    internal static IReadOnlyList<LayerFigures> Of(ExplainResult result)
    {
        ILookup<string, NodeTotals> nodes = result.Nodes.ToLookup(node => node.Node);
        IEnumerable<string> names = result.Nodes.Select(node => node.Node).Reverse().Distinct().Where(result.Explained[0].Flow.Layers.Select(layer => layer.Name).ToHashSet().Contains);
        return [.. names.Select(name => One(result, name, nodes[name]))];
    }

    private static LayerFigures One(ExplainResult result, string name, IEnumerable<NodeTotals> uses)
    {
        double bias = uses.Sum(node => node.Bias), received = uses.Sum(node => node.Out);
        LayerActivity? activity = result.Activities.GetValueOrDefault(name);
        LayerTotals totals = result.Totals.Layers.GetValueOrDefault(name);
        return new LayerFigures(
            name,
            uses.First().Operator,
            activity?.Share,
            activity?.Test,
            received == 0 ? null : bias / received,
            (result.IsContrastive ? totals.Positive + totals.Negative : totals.Positive) / result.Count,
            (result.IsContrastive ? totals.Opposing : totals.Negative) / result.Count);
    }
}
