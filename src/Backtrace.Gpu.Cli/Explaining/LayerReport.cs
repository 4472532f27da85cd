using Backtrace.Gpu.Cli.Pages;
using Backtrace.Gpu.Cli.Pictures;
using Backtrace.Gpu.Kernels;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>The layers that --layers named: a table, and a picture of each for the first inputs.</summary>
internal static class LayerReport
{
    /// <summary>Inputs whose layers are shown.</summary>
    internal const int Shown = 12;

    private const int FileSide = 256, Unfolded = 24;

    /// <summary>Writes the pictures and returns the section of the page; empty where no layer was kept.</summary>
    internal static Markup Write(ExplainResult result, IReadOnlyList<LayerFigures> layers, ResultFolder folder, CancellationToken cancellation, PageRoom? room = null)
    {
        if (layers.Count == 0)
            return Markup.Empty;
        List<Markup> cards = [];
        room ??= new PageRoom();
        bool isLeftOut = false;
        for (int n = 0; n < Math.Min(Shown, result.Explained.Count); n++)
        {
            cancellation.ThrowIfCancellationRequested();
            string name = result.Explained[n].Name, input = Words.FileStem(name) + result.Explained[n].Asked.Suffix;
            Dictionary<string, LayerMap> maps = Maps(result.Explained[n]);
            // A difference is one of both signs, whether or not both occur: blue and orange mean the same in all pictures.
            ColourMap Colours(LayerMap map) => result.IsContrastive ? ColourMap.Diverging : ColourMap.For(map.Values);
            long size = 0;
            Markup[] figures = [.. layers.Where(layer => maps.ContainsKey(layer.Layer)).Select(layer =>
            {
                LayerMap map = maps[layer.Layer];
                string stem = folder.FreeStem($"{input}-{Words.Stem(layer.Layer)}", n, ".png");
                WholeFile.WriteBytes(folder.Add(stem + ".png"), Picture(map, Colours(map), Math.Max(1, FileSide / Math.Max(map.Width, map.Height))));
                byte[] small = Picture(map, Colours(map), 1);
                size += small.Length;
                return (Markup)$"""<figure><img alt="{layer.Layer}" src="{Png.Uri(small)}"><figcaption>{layer.Layer}<br>up to {Numbers.Percent(map.Values.Max(Math.Abs))}</figcaption></figure>""";
            })];
            if (isLeftOut |= !room.Takes(size))
                continue;
            cards.Add($"""<article class="card wide"><h3>{name}: {result.Answer(n)}</h3><div class="layers">{figures}</div></article>""");
        }

        return $"""
            <section><h2>Layers</h2>
            <p>What relevance does on its way, from the input to the output. A picture shows the relevance of a layer's units on a scale of its own: channels are added up where there are pixels, features where there are tokens; other layers are a square of units. {(result.IsContrastive ? "Orange units support the answer more than they oppose it, blue ones oppose it more." : "Black is nothing and yellow the most; where there is relevance below zero, that is blue, and the rest orange.")}</p>
            {Table(layers, result)}{cards}{(isLeftOut ? (Markup)$"<p class=\"note\">The pictures of {Counted.Of(Math.Min(Shown, result.Explained.Count) - cards.Count, "more input")} are beside this page as PNG files.</p>" : Markup.Empty)}</section>
            """;
    }

    /// <summary>The table for the console.</summary>
    internal static void WriteText(TextWriter output, IReadOnlyList<LayerFigures> layers, ExplainResult result)
    {
        if (layers.Count == 0)
            return;
        int name = Math.Max(5, layers.Max(layer => layer.Layer.Length));
        output.WriteLine($"layers: mean over {result.Averaged}; saturated: share of all units, each counted once");
        output.WriteLine($"{"layer".PadRight(name)}{"bias/input",12}{(result.IsContrastive ? "supporting" : "positive"),12}{(result.IsContrastive ? "opposing" : "negative"),12}{"saturated",11}");
        foreach (LayerFigures layer in layers)
        {
            string saturated = layer.Saturated is { } share ? $"{Numbers.Percent(share),11}  {layer.SaturationTest}" : $"{"-",11}";
            output.WriteLine($"{layer.Layer.PadRight(name)}{Ratio(layer),12}{Numbers.Fixed(layer.Positive),12}{Numbers.Fixed(layer.Negative),12}{saturated}");
        }

        output.WriteLine();
    }

    private static Markup Table(IReadOnlyList<LayerFigures> layers, ExplainResult result) => $"""
        {(layers.Count > Unfolded ? (Markup)$"<details><summary>Figures of {Counted.Of(layers.Count, "layer")}</summary>" : Markup.Empty)}<div class="scroll"><table>
        <tr><th>Layer</th><th class="t">Operator</th><th>bias / input</th><th>{(result.IsContrastive ? "supporting" : "positive")}</th><th>{(result.IsContrastive ? "opposing" : "negative")}</th><th>saturated</th><th class="t">which is</th></tr>
        {layers.Select(layer => (Markup)$"""<tr><td>{layer.Layer}</td><td class="t">{layer.Operator}</td><td>{Ratio(layer)}</td><td>{Numbers.Fixed(layer.Positive)}</td><td>{Numbers.Fixed(layer.Negative)}</td><td>{(layer.Saturated is { } share ? Numbers.Percent(share) : "-")}</td><td class="t">{layer.SaturationTest}</td></tr>""")}
        </table></div>{(layers.Count > Unfolded ? (Markup)$"</details>" : Markup.Empty)}
        <p class="note">bias / input: relevance that the layer's biases took, per relevance that its inputs received. {(result.IsContrastive ? "Supporting and opposing" : "Positive and negative")}: sums over the layer's units, on average over {result.Averaged}. Saturated: share of units whose activation hardly changes with its input, each counted once.</p>
        """;

    private static string Ratio(LayerFigures layer) => layer.BiasToInput is { } ratio ? Numbers.Fixed(ratio) : "-";

    private static Dictionary<string, LayerMap> Maps(Explained e)
    {
        Dictionary<string, LayerMap> maps = e.Flow.Layers.Where(map => map.Values.Length > 0).ToDictionary(map => map.Name);
        foreach (LayerMap opposing in e.Opposing?.Layers ?? [])
        {
            if (maps.TryGetValue(opposing.Name, out LayerMap? map) && map.Values.Length == opposing.Values.Length)
                maps[map.Name] = map with { Values = [.. map.Values.Zip(opposing.Values, (a, b) => a - b)] };
        }

        return maps;
    }

    private static byte[] Picture(LayerMap map, ColourMap colours, int zoom)
    {
        // A single row would be a hair's breadth high.
        int copies = map.Height == 1 ? Math.Max(1, map.Width / 5) : 1;
        double limit = map.Values.Max(Math.Abs);
        return Png.Encode(map.Width, map.Height * copies, zoom, k => colours.At(colours.Place(map.Values[copies > 1 ? k % map.Width : k], limit)));
    }
}
