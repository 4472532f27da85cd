using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Runs;
using static TorchSharp.torch;

namespace Backtrace.Gpu;

/// <summary>Explanations as safetensors files.</summary>
public sealed partial class Explanation
{
    private const string FormatKey = "format", Format = "backtrace.explanation.2";
    private const string FactsKey = "facts", NodesKey = "ledger.nodes", PredictionName = "prediction";
    private const string InputPrefix = "input.", LayerPrefix = "layer.";
    private const string StartName = "ledger.start", LedgerInputName = "ledger.input", LinesName = "ledger.lines";

    /// <summary>
    /// Writes everything, bit for bit. Tensors: <c>input.0</c> and so on, <c>layer.NAME</c>, <c>ledger.start</c>, <c>ledger.input</c> and
    /// <c>ledger.lines</c> [nodes, 5, rows] with in, out, bias, dropped, constants, each with <c>positive.</c> or <c>negative.</c> before it
    /// in contrastive mode; <c>prediction</c>. Metadata: <c>facts</c> and <c>ledger.nodes</c>, both JSON. Any safetensors reader opens the file.
    /// </summary>
    /// <param name="path">Path of the file; its folder must exist. An existing file is replaced.</param>
    /// <param name="prediction">What to write as the prediction instead of all of it: one position of a long text, whose vocabulary would fill the file.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="ObjectDisposedException">The explanation is disposed.</exception>
    public void Save(string path, Tensor? prediction = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        ObjectDisposedException.ThrowIf(isDisposed, this);
        using SafeTensorsWriter writer = new();
        foreach ((RelevanceStream stream, string prefix) in streams.Zip(Prefixes(Mode)))
            Write(writer, stream, prefix);
        writer.Add(PredictionName, prediction ?? Prediction);
        writer.Metadata[FormatKey] = Format;
        writer.Metadata[FactsKey] = JsonSerializer.Serialize(Facts);
        writer.Save(path);
    }

    /// <summary>Reads what <see cref="Save"/> wrote. The caller disposes the result.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="SafeTensorsException">Damaged, or not a saved explanation.</exception>
    public static Explanation Load(string path)
    {
        using SafeTensorsFile file = SafeTensors.Open(path);
        if (file.Metadata.GetValueOrDefault(FormatKey) != Format)
            throw new SafeTensorsException(path, null, "is not a saved explanation of this version");
        RunFacts facts = Json<RunFacts>(file, FactsKey);
        string[] prefixes = Prefixes(file.Contains(Prefixes(Mode.Contrastive)[0] + StartName) ? Mode.Contrastive : Mode.Default);
        // Everything is checked first, so that no tensor is created and then lost.
        _ = file[PredictionName];
        Ledger[] ledgers = [.. prefixes.Select(prefix => ReadLedger(file, prefix))];
        string[][] inputs = [.. prefixes.Select(prefix => InputNames(file, prefix))];
        RelevanceStream[] streams = [.. prefixes.Select((prefix, k) => new RelevanceStream(
            [.. inputs[k].Select(name => Read(file, name))],
            Names(file, prefix + LayerPrefix).ToDictionary(name => name[(prefix + LayerPrefix).Length..], name => Read(file, name)),
            ledgers[k]))];
        return new Explanation(streams, Read(file, PredictionName), facts);
    }

    private static string[] Prefixes(Mode mode) => mode == Mode.Contrastive ? ["positive.", "negative."] : [""];

    private static void Write(SafeTensorsWriter writer, RelevanceStream stream, string prefix)
    {
        for (int k = 0; k < stream.Inputs.Count; k++)
            writer.Add(prefix + InputPrefix + k.ToString(CultureInfo.InvariantCulture), stream.Inputs[k]);
        foreach ((string name, Tensor relevance) in stream.Layers)
            writer.Add(prefix + LayerPrefix + name, relevance);
        Ledger ledger = stream.Ledger;
        int rows = ledger.Start.Count;
        List<float> lines = new(ledger.Lines.Count * 5 * rows);
        foreach (IReadOnlyList<float> column in ledger.Lines.SelectMany(Columns))
            lines.AddRange(column);
        writer.Add<float>(prefix + StartName, [.. ledger.Start], rows);
        writer.Add<float>(prefix + LedgerInputName, [.. ledger.Input], rows);
        writer.Add<float>(prefix + LinesName, CollectionsMarshal.AsSpan(lines), ledger.Lines.Count, 5, rows);
        writer.Metadata[prefix + NodesKey] = JsonSerializer.Serialize(ledger.Lines.Select(line => new[] { line.Node, line.Operator }));
    }

    private static Ledger ReadLedger(SafeTensorsFile file, string prefix)
    {
        string[][] nodes = Json<string[][]>(file, prefix + NodesKey);
        float[] start = file.Read<float>(prefix + StartName), input = file.Read<float>(prefix + LedgerInputName), lines = file.Read<float>(prefix + LinesName);
        int rows = start.Length;
        if (input.Length != rows || lines.LongLength != (long)nodes.Length * 5 * rows || nodes.Any(node => node is not [not null, not null]))
            throw new SafeTensorsException(file.Path, prefix + LinesName, "does not fit the list of nodes");
        float[] Column(int line, int column) => lines.AsSpan((line * 5 + column) * rows, rows).ToArray();
        return new Ledger(
            [.. nodes.Select((node, k) => new LedgerLine(node[0], node[1], Column(k, 0), Column(k, 1), Column(k, 2), Column(k, 3), Column(k, 4)))],
            start,
            input);
    }

    private static string[] InputNames(SafeTensorsFile file, string prefix)
    {
        int count = Math.Max(1, Names(file, prefix + InputPrefix).Count());
        string[] names = [.. Enumerable.Range(0, count).Select(k => prefix + InputPrefix + k.ToString(CultureInfo.InvariantCulture))];
        foreach (string name in names)
            _ = file[name];
        return names;
    }

    private static IEnumerable<string> Names(SafeTensorsFile file, string prefix) =>
        file.Tensors.Select(t => t.Name).Where(name => name.StartsWith(prefix, StringComparison.Ordinal));

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
