using System.Globalization;
using System.Text.Json;
using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Runs;
using NUnit.Framework;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Golden;

/// <summary>What a golden case says of one stream of one mode.</summary>
internal sealed class GoldenStream
{
    private readonly GoldenCase golden;
    private readonly string prefix;
    private readonly string suffix;
    private readonly string totals;
    private readonly int index;

    private GoldenStream(GoldenCase golden, Mode mode, string suffix, int index)
    {
        this.golden = golden;
        this.suffix = suffix;
        this.index = index;
        string name = GoldenTests.Name(mode);
        prefix = golden.IsModel ? $"expected.{name}." : "expected.";
        totals = $"{name}.node_totals";
        Seed = golden.IsModel ? [.. golden.File.Read<double>($"{prefix}start{suffix}").Select(v => (float)v)] : OutgoingRelevance();
    }

    /// <summary>Relevance at the output, all outputs of a sample side by side.</summary>
    internal float[] Seed { get; }

    internal static GoldenStream[] Of(GoldenCase golden, Mode mode) =>
        mode == Mode.Default ? [new(golden, mode, "", 0)] : [new(golden, mode, "_pos", 0), new(golden, mode, "_neg", 1)];

    internal bool Contains(string name) => golden.File.Contains(prefix + WithSuffix(name));

    /// <summary>A tensor such as relevance_in.x of this stream.</summary>
    internal double[] Read(string kind, string name) => golden.File.Read<double>($"{prefix}{kind}{suffix}.{name}");

    internal void CheckLedger(Ledger ledger, Dictionary<string, string> names)
    {
        CheckSums("bias_sink", ledger.Bias);
        CheckSums("dropped", ledger.Dropped);
        CheckSums("const_sink", ledger.Constants);
        if (golden.IsModel)
            CheckTotals(ledger, names);
    }

    private string WithSuffix(string name) => name.Replace("relevance.", $"relevance{suffix}.", StringComparison.Ordinal);

    private float[] OutgoingRelevance()
    {
        string own = "relevance_out" + suffix;
        string[] names = [.. golden.File.Tensors.Select(t => t.Name).Where(n => n == own || n.StartsWith(own + ".", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
        return [.. cat([.. names.Select(n => Rows(golden.File.ToTensor(n)))], 1).data<float>()];
    }

    // One row per sample, also of one number each.
    private static Tensor Rows(Tensor tensor) => tensor.reshape(tensor.shape[0], -1);

    // Contrastive mode has no bias sink, and operator cases then leave it out.
    private void CheckSums(string sink, float[] actual)
    {
        string name = prefix + sink + suffix;
        double[] expected = golden.File.Contains(name) ? golden.File.Read<double>(name) : new double[actual.Length];
        Assert.That(actual, Has.Length.EqualTo(expected.Length), name);
        int length = Seed.Length / actual.Length;
        for (int n = 0; n < actual.Length; n++)
        {
            double scale = Seed.Skip(n * length).Take(length).Sum(v => Math.Abs((double)v));
            Assert.That(actual[n], Is.EqualTo(expected[n]).Within(1e-5 * Math.Max(scale, 1e-30)), $"{name}[{n}]");
        }
    }

    // Total relevance that arrived at each node, per sample.
    private void CheckTotals(Ledger ledger, Dictionary<string, string> names)
    {
        using JsonDocument expected = JsonDocument.Parse(golden.File.Metadata[totals]);
        Dictionary<string, LedgerLine> lines = ledger.Lines.ToDictionary(l => l.Node);
        foreach (JsonProperty node in expected.RootElement.EnumerateObject())
        {
            if (!names.TryGetValue(node.Name, out string? name) || !lines.TryGetValue(name, out LedgerLine? line))
                continue;
            for (int n = 0; n < line.In.Count; n++)
                Assert.That(line.In[n], Is.EqualTo(node.Value[n][index].GetDouble()).Within(2e-5), string.Create(CultureInfo.InvariantCulture, $"{node.Name}[{n}]{suffix}"));
        }
    }
}
