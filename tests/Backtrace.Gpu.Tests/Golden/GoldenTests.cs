using System.Globalization;
using System.Text.Json;
using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;
using Device = Backtrace.Gpu.Kernels.Execution.Device;

namespace Backtrace.Gpu.Tests.Golden;

/// <summary>
/// Every golden case of the rules that exist, computed by TorchSharp, recorded and explained as a user's model is. Reads tests/fixtures
/// and the folder that the environment variable BACKTRACE_FIXTURES names.
/// </summary>
[Category("Fixtures")]
public sealed class GoldenTests
{
    private const string Mode = "default";

    private static IEnumerable<TestCaseData> Cases()
    {
        foreach (string path in Files())
        {
            if (!IsCovered(path))
                continue;
            foreach (string device in TestDevices.All)
                yield return new TestCaseData(path, device).SetArgDisplayNames(Path.GetFileNameWithoutExtension(path), device);
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void MatchesTheReference(string path, string deviceName)
    {
        using var scope = NewDisposeScope();
        using GoldenCase golden = new(path);
        SafeTensorsFile file = golden.File;
        string prefix = golden.IsModel ? $"expected.{Mode}." : "expected.";
        Dictionary<string, string> names = golden.RecordedNames();
        string[] kept = golden.IsModel ? [.. file.Metadata["recorded_nodes"].Split(',').Where(n => file.Contains($"{prefix}relevance.{n}"))] : [];
        BacktracerOptions options = new() { LedgerPerSample = true, Layers = [.. kept.Select(n => names[n])], Saturations = Saturations(golden, names) };
        using Backtracer backtracer = new(null, x => [golden.Forward(x)], TestDevices.Get(deviceName), options);

        float[] seed = golden.IsModel ? Floats(file, prefix + "start") : OutgoingRelevance(file);
        using Explanation e = backtracer.Explain([.. golden.Inputs.Select(i => file.ToTensor("in." + i))], Target.Custom(seed));

        double tolerance = golden.Tolerance(golden.IsModel ? $"{Mode}.tol_fp32" : "tol_fp32");
        double worst = 0;
        if (file.Contains("expected.output"))
            Compare("output", e.Prediction, Floats(file, "expected.output"), Math.Max(tolerance, 1e-4), ref worst, count: false);
        for (int k = 0; k < golden.Inputs.Length; k++)
            Compare(golden.Inputs[k], e.Inputs[k], Floats(file, $"{prefix}relevance_in.{golden.Inputs[k]}"), tolerance, ref worst);
        foreach (string node in kept)
            Compare(node, e[names[node]], Floats(file, $"{prefix}relevance.{node}"), tolerance, ref worst);
        CompareSums("bias_sink", e.Ledger.Bias, file, prefix, seed, e.Ledger.Start.Count);
        CompareSums("dropped", e.Ledger.Dropped, file, prefix, seed, e.Ledger.Start.Count);
        CompareSums("const_sink", e.Ledger.Constants, file, prefix, seed, e.Ledger.Start.Count);
        if (golden.IsModel)
            CompareTotals(golden, e, names);
        GoldenTable.Add(deviceName, golden.Group, golden.Name, worst);
    }

    [OneTimeTearDown]
    public void WriteTable() => GoldenTable.Write();

    private static IEnumerable<string> Files()
    {
        string? more = Environment.GetEnvironmentVariable("BACKTRACE_FIXTURES");
        return new[] { Support.Fixtures.Path(), more }.OfType<string>().Where(f => f.Length > 0)
            .SelectMany(f => Directory.EnumerateFiles(f, "*.safetensors", SearchOption.AllDirectories)).Order(StringComparer.Ordinal);
    }

    // Operators of other issues, the other mode, and start relevance (a test of its own) are not for this runner.
    private static bool IsCovered(string path)
    {
        using GoldenCase golden = new(path);
        IReadOnlyDictionary<string, string> metadata = golden.File.Metadata;
        return golden.Nodes.All(n => FixtureOperators.Knows(n.Op))
            && (golden.IsModel ? metadata.ContainsKey($"{Mode}.tol_fp32") : metadata["mode"] == Mode);
    }

    private static Dictionary<string, Saturation> Saturations(GoldenCase golden, Dictionary<string, string> names)
    {
        Dictionary<string, Saturation> tests = [];
        foreach (GoldenNode node in golden.IsModel ? [] : golden.Nodes)
        {
            if (Enum.TryParse(node.Attributes.Get("activation"), ignoreCase: true, out Saturation test))
                tests[names[node.Name]] = test;
        }

        return tests;
    }

    private static float[] OutgoingRelevance(SafeTensorsFile file)
    {
        string[] names = [.. file.Tensors.Select(t => t.Name).Where(n => n.StartsWith("relevance_out", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
        return [.. cat([.. names.Select(n => file.ToTensor(n).flatten(1))], 1).data<float>()];
    }

    private static float[] Floats(SafeTensorsFile file, string name) => [.. file.Read<double>(name).Select(v => (float)v)];

    private static void Compare(string what, Tensor actual, float[] expected, double tolerance, ref double worst, bool count = true)
    {
        float[] values = [.. actual.contiguous().data<float>()];
        Assert.That(values, Has.Length.EqualTo(expected.Length), what);
        double error = Deviation.Of(values, expected);
        Assert.That(error, Is.LessThanOrEqualTo(tolerance), what);
        if (count)
            worst = Math.Max(worst, error);
    }

    private static void CompareSums(string sink, float[] actual, SafeTensorsFile file, string prefix, float[] seed, int samples)
    {
        double[] expected = file.Read<double>(prefix + sink);
        Assert.That(actual, Has.Length.EqualTo(expected.Length), sink);
        for (int n = 0; n < samples; n++)
        {
            double scale = seed.Skip(n * seed.Length / samples).Take(seed.Length / samples).Sum(v => Math.Abs((double)v));
            Assert.That(actual[n], Is.EqualTo(expected[n]).Within(1e-5 * Math.Max(scale, 1e-30)), $"{sink}[{n}]");
        }
    }

    // Total relevance that arrived at each node, per sample.
    private static void CompareTotals(GoldenCase golden, Explanation e, Dictionary<string, string> names)
    {
        using JsonDocument totals = JsonDocument.Parse(golden.File.Metadata[$"{Mode}.node_totals"]);
        Dictionary<string, Gpu.Runs.LedgerLine> lines = e.Ledger.Lines.ToDictionary(l => l.Node);
        foreach (JsonProperty node in totals.RootElement.EnumerateObject())
        {
            if (!names.TryGetValue(node.Name, out string? name) || !lines.TryGetValue(name, out Gpu.Runs.LedgerLine? line))
                continue;
            for (int n = 0; n < line.In.Count; n++)
                Assert.That(line.In[n], Is.EqualTo(node.Value[n][0].GetDouble()).Within(2e-5), string.Create(CultureInfo.InvariantCulture, $"{node.Name}[{n}]"));
        }
    }
}
