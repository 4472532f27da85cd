using System.Globalization;
using System.Text.Json;
using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Runs;
using static TorchSharp.torch;

namespace Backtrace.Gpu;

/// <summary>Explanations as safetensors files.</summary>
public sealed partial class Explanation
{
    private const string FormatKey = "format", Format = "backtrace.explanation.1";
    private const string FactsKey = "facts", NodesKey = "ledger.nodes";
    private const string InputPrefix = "input.", LayerPrefix = "layer.", PredictionName = "prediction";
    private const string StartName = "ledger.start", LedgerInputName = "ledger.input", LinesName = "ledger.lines";

    /// <summary>
    /// Writes everything, bit for bit. Tensors: <c>input.0</c> and so on, <c>layer.NAME</c>, <c>prediction</c>, <c>ledger.start</c>,
    /// <c>ledger.input</c> and <c>ledger.lines</c> [nodes, 5, rows] with in, out, bias, dropped, constants. Metadata: <c>facts</c> and
    /// <c>ledger.nodes</c>, both JSON. Any safetensors reader opens the file.
    /// </summary>
    /// <param name="path">Path of the file; its folder must exist. An existing file is replaced.</param>
    public void Save(string path)
    {
        using SafeTensorsWriter writer = new();
        for (int k = 0; k < Inputs.Count; k++)
            writer.Add(InputPrefix + k.ToString(CultureInfo.InvariantCulture), Inputs[k]);
        foreach ((string name, Tensor relevance) in Layers)
            writer.Add(LayerPrefix + name, relevance);
        writer.Add(PredictionName, Prediction);

        int rows = Ledger.Start.Count;
        float[] lines = [.. Ledger.Lines.SelectMany(line => Columns(line).SelectMany(column => column))];
        writer.Add<float>(StartName, [.. Ledger.Start], rows);
        writer.Add<float>(LedgerInputName, [.. Ledger.Input], rows);
        writer.Add<float>(LinesName, lines, Ledger.Lines.Count, 5, rows);
        writer.Metadata[FormatKey] = Format;
        writer.Metadata[FactsKey] = JsonSerializer.Serialize(Facts);
        writer.Metadata[NodesKey] = JsonSerializer.Serialize(Ledger.Lines.Select(line => new[] { line.Node, line.Operator }));
        writer.Save(path);
    }

    /// <summary>Reads what <see cref="Save"/> wrote. The caller disposes the result.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="SafeTensorsException">Damaged, or not a saved explanation.</exception>
    public static Explanation Load(string path)
    {
        using SafeTensorsFile file = SafeTensors.Open(path);
        if (file.Metadata.GetValueOrDefault(FormatKey) != Format)
            throw new SafeTensorsException(path, null, "is not a saved explanation");
        RunFacts facts = Json<RunFacts>(file, FactsKey);
        Ledger ledger = ReadLedger(file);
        int inputs = file.Tensors.Count(t => t.Name.StartsWith(InputPrefix, StringComparison.Ordinal));
        if (inputs == 0)
            throw new SafeTensorsException(path, InputPrefix + "0", "is missing");
        SafeTensorInfo[] layers = [.. file.Tensors.Where(t => t.Name.StartsWith(LayerPrefix, StringComparison.Ordinal))];
        // Names are checked first, so that no tensor is created and then lost.
        string[] names = [.. Enumerable.Range(0, inputs).Select(k => InputPrefix + k.ToString(CultureInfo.InvariantCulture)), PredictionName];
        foreach (string name in names)
            _ = file[name];
        return new Explanation(
            [.. names[..^1].Select(name => Read(file, name))],
            layers.ToDictionary(t => t.Name[LayerPrefix.Length..], t => Read(file, t.Name)),
            Read(file, PredictionName),
            ledger,
            facts);
    }

    private static Ledger ReadLedger(SafeTensorsFile file)
    {
        string[][] nodes = Json<string[][]>(file, NodesKey);
        float[] start = file.Read<float>(StartName), input = file.Read<float>(LedgerInputName), lines = file.Read<float>(LinesName);
        int rows = start.Length;
        if (input.Length != rows || lines.LongLength != (long)nodes.Length * 5 * rows || nodes.Any(node => node is not [not null, not null]))
            throw new SafeTensorsException(file.Path, LinesName, "does not fit the list of nodes");
        float[] Column(int line, int column) => lines.AsSpan((line * 5 + column) * rows, rows).ToArray();
        return new Ledger(
            [.. nodes.Select((node, k) => new LedgerLine(node[0], node[1], Column(k, 0), Column(k, 1), Column(k, 2), Column(k, 3), Column(k, 4)))],
            start,
            input);
    }

    private static IEnumerable<IReadOnlyList<float>> Columns(LedgerLine line) => [line.In, line.Out, line.Bias, line.Dropped, line.Constants];

    private static Tensor Read(SafeTensorsFile file, string name) => file.ToTensor(name).DetachFromDisposeScope();

    private static T Json<T>(SafeTensorsFile file, string key)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(file.Metadata.GetValueOrDefault(key) ?? "null")
                ?? throw new SafeTensorsException(file.Path, null, $"lacks the metadata '{key}'");
        }
        catch (JsonException e)
        {
            throw new SafeTensorsException(file.Path, null, $"has unreadable metadata '{key}'", e);
        }
    }
}
