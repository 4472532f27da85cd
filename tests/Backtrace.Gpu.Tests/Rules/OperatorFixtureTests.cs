using System.Globalization;
using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>Every golden operator case whose rule is one kernel-level operation, run on the rule itself.</summary>
public sealed class OperatorFixtureTests
{
    private static IEnumerable<TestCaseData> Cases() =>
        from name in Covered() from device in TestDevices.All select new TestCaseData(name, device);

    private static IEnumerable<string> Covered()
    {
        foreach (string name in Fixtures.Cases("default"))
        {
            using SafeTensorsFile file = Open(name);
            if (file.Metadata["op"] != "start" && new OperationOfFixture(file, Inputs(file)).Build() is not null)
                yield return name;
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void MatchesTheReference(string name, string device)
    {
        using SafeTensorsFile file = Open(name);
        string[] inputs = Inputs(file);
        Outcome outcome = RuleRunner.Run(TestDevices.Get(device), NodeOf(file, inputs));
        double tolerance = double.Parse(file.Metadata["tol_fp32"], CultureInfo.InvariantCulture);
        double worst = 0;
        Assert.Multiple(() =>
        {
            for (int k = 0; k < inputs.Length; k++)
            {
                string expected = "expected.relevance_in." + inputs[k];
                Assert.That(outcome.Relevance[k] is not null, Is.EqualTo(file.Contains(expected)), inputs[k]);
                if (file.Contains(expected))
                    Compare(inputs[k], outcome.Relevance[k]!.Data, file.Read<double>(expected));
            }

            foreach ((LedgerEntry entry, string sink) in new[] { (LedgerEntry.Bias, "bias_sink"), (LedgerEntry.Dropped, "dropped"), (LedgerEntry.Constant, "const_sink") })
            {
                double[] expected = file.Read<double>("expected." + sink);
                Compare(sink, outcome.Ledger.GetValueOrDefault(entry, new float[expected.Length]), expected);
            }
        });
        TestContext.Out.WriteLine($"{name} on {device}: {worst:E1}");

        void Compare(string what, float[] actual, double[] expected)
        {
            double scale = expected.Length == 0 ? 0 : expected.Max(Math.Abs);
            double error = actual.Zip(expected, (a, e) => Math.Abs(a - e)).DefaultIfEmpty().Max() / (scale == 0 ? 1 : scale);
            worst = Math.Max(worst, error);
            Assert.That(actual, Has.Length.EqualTo(expected.Length), what);
            Assert.That(error, Is.LessThanOrEqualTo(tolerance), what);
        }
    }

    private static Node NodeOf(SafeTensorsFile file, string[] inputs)
    {
        string[] outgoing = [.. file.Tensors.Select(t => t.Name).Where(n => n.StartsWith("relevance_out", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
        Values Read(string name) => new(file.Read<float>(name), [.. file[name].Shape]);
        return new Node(
            new OperationOfFixture(file, inputs).Build()!,
            [.. inputs.Select(i => Read("in." + i))],
            [.. outgoing.Select(Read)],
            (int)file["expected.dropped"].Shape[0])
        {
            Parameters = new[] { "weight", "bias" }.Where(p => file.Contains("param." + p)).ToDictionary(p => p, p => Read("param." + p)),
            Output = file.Contains("expected.output") ? new Values([.. file.Read<double>("expected.output").Select(v => (float)v)], [.. file["expected.output"].Shape]) : null,
            Saturation = Enum.TryParse(file.Metadata.GetValueOrDefault("activation"), ignoreCase: true, out Saturation s) ? s : Saturation.None,
        };
    }

    private static string[] Inputs(SafeTensorsFile file) => file.Metadata["inputs"].Split(',');

    private static SafeTensorsFile Open(string name) => SafeTensors.Open(Fixtures.Path("ops", name + ".default.safetensors"));
}
