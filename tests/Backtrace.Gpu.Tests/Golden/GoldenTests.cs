using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Golden;

/// <summary>
/// Every golden case of the rules that exist, computed by TorchSharp, recorded and explained as a user's model is. Reads tests/fixtures
/// and the folder that the environment variable BACKTRACE_FIXTURES names.
/// </summary>
[Category("Fixtures")]
public sealed class GoldenTests
{
    private static IEnumerable<TestCaseData> Cases()
    {
        foreach (string path in Files())
        {
            foreach (Mode mode in ModesOf(path))
            {
                foreach (string device in Devices(path))
                    yield return new TestCaseData(path, mode, device).SetArgDisplayNames(Path.GetFileNameWithoutExtension(path), $"{mode}", device);
            }
        }
    }

    // The emulation takes half a minute for this model, which needs no kernel that others do not.
    private static IEnumerable<string> Devices(string path) =>
        Path.GetFileName(path).StartsWith("resnet20_", StringComparison.Ordinal) ? TestDevices.Present : TestDevices.All;

    [TestCaseSource(nameof(Cases))]
    public void MatchesTheReference(string path, Mode mode, string deviceName)
    {
        using var scope = NewDisposeScope();
        using GoldenCase golden = new(path);
        Dictionary<string, string> names = golden.RecordedNames();
        GoldenStream[] streams = GoldenStream.Of(golden, mode);
        string[] kept = golden.IsModel ? [.. golden.File.Metadata["recorded_nodes"].Split(',').Where(n => streams[0].Contains($"relevance.{n}"))] : [];
        BacktracerOptions options = new() { Mode = mode, LedgerPerSample = true, Layers = [.. kept.Select(n => names[n])], Saturations = Saturations(golden, names) };
        using Backtracer backtracer = new(null, x => [golden.Forward(x)], TestDevices.Get(deviceName), options);
        Target target = mode == Mode.Default ? Target.Custom(streams[0].Seed) : Target.Custom(streams[0].Seed, streams[1].Seed);
        using Explanation e = backtracer.Explain([.. golden.Inputs.Select(i => golden.File.ToTensor("in." + i))], target);

        GoldenTolerance tolerance = new(golden, mode);
        if (golden.File.Contains("expected.output"))
            GoldenTolerance.CheckOutput(e.Prediction, golden.File.Read<double>("expected.output"));
        for (int k = 0; k < golden.Inputs.Length; k++)
            tolerance.Check(golden.Inputs[k], e.Streams.Select(s => s.Inputs[k]), streams.Select(s => s.Read("relevance_in", golden.Inputs[k])));
        foreach (string node in kept)
            tolerance.Check(node, e.Streams.Select(s => s[names[node]]), streams.Select(s => s.Read("relevance", node)));
        foreach ((RelevanceStream actual, GoldenStream expected) in e.Streams.Zip(streams))
            expected.CheckLedger(actual.Ledger, names);
        GoldenTable.Add(deviceName, mode, golden.Group, golden.Name, tolerance.Worst);
    }

    [Test]
    public void NoCaseIsLeftOut()
    {
        IEnumerable<string> left = Files().Where(path => !Path.GetFileName(path).StartsWith("start_", StringComparison.Ordinal) && ModesOf(path).Length == 0);
        Assert.That(left.Select(Path.GetFileName), Is.Empty);
    }

    [OneTimeTearDown]
    public void WriteTable() => GoldenTable.Write();

    private static IEnumerable<string> Files()
    {
        string? more = Environment.GetEnvironmentVariable("BACKTRACE_FIXTURES");
        return new[] { Support.Fixtures.Path(), more }.OfType<string>().Where(f => f.Length > 0)
            .SelectMany(f => Directory.EnumerateFiles(f, "*.safetensors", SearchOption.AllDirectories)).Order(StringComparer.Ordinal);
    }

    // Start relevance has a test of its own.
    private static Mode[] ModesOf(string path)
    {
        using GoldenCase golden = new(path);
        IReadOnlyDictionary<string, string> metadata = golden.File.Metadata;
        if (!golden.Nodes.All(n => FixtureOperators.Knows(n.Op)))
            return [];
        return [.. Enum.GetValues<Mode>().Where(m => golden.IsModel ? metadata.ContainsKey($"{Name(m)}.tol_fp32") : metadata["mode"] == Name(m))];
    }

    internal static string Name(Mode mode) => mode == Mode.Default ? "default" : "contrastive";

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
}
