using System.Globalization;
using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Kernels.Rules.Recurrent;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>How a rule did on a golden case.</summary>
/// <param name="Worst">Largest error, relative to the maximum of the tensor that it is in.</param>
/// <param name="Faults">What is wrong, one line each.</param>
internal sealed record OperatorFixtureResult(double Worst, IReadOnlyList<string> Faults);

/// <summary>
/// A golden operator case: its node, its rule run on a device, and the comparison. Serves the tests here and the kit for GPU machines.
/// </summary>
internal sealed class OperatorFixture(SafeTensorsFile file)
{
    private static readonly (LedgerEntry Entry, string Name)[] Sinks =
        [(LedgerEntry.Bias, "bias_sink"), (LedgerEntry.Dropped, "dropped"), (LedgerEntry.Constant, "const_sink")];

    private readonly string[] inputs = file.Metadata["inputs"].Split(',');

    /// <summary>Name of the operator.</summary>
    internal string Operator => file.Metadata["op"];

    /// <summary>True if one rule serves the case.</summary>
    internal bool IsCovered => Operator != "start" && new OperationOfFixture(file, inputs).Build() is not null;

    internal OperatorFixtureResult Run(Device device)
    {
        Outcome outcome = RuleRunner.Run(device, Node());
        List<(string What, float[] Actual, double[] Expected)> pairs = [];
        List<string> faults = [];
        for (int k = 0; k < inputs.Length; k++)
        {
            string expected = "expected.relevance_in." + inputs[k];
            if (outcome.Relevance[k] is not null != file.Contains(expected))
                faults.Add($"{inputs[k]}: relevance {(file.Contains(expected) ? "is missing" : "where none is due")}");
            else if (file.Contains(expected))
                pairs.Add((inputs[k], outcome.Relevance[k]!.Data, file.Read<double>(expected)));
        }

        foreach ((LedgerEntry entry, string name) in Sinks)
        {
            double[] expected = file.Read<double>("expected." + name);
            pairs.Add((name, outcome.Ledger.GetValueOrDefault(entry, new float[expected.Length]), expected));
        }

        return Compare(pairs, faults);
    }

    private OperatorFixtureResult Compare(List<(string What, float[] Actual, double[] Expected)> pairs, List<string> faults)
    {
        double tolerance = double.Parse(file.Metadata["tol_fp32"], CultureInfo.InvariantCulture);
        double worst = 0;
        foreach ((string what, float[] actual, double[] expected) in pairs)
        {
            if (actual.Length != expected.Length)
            {
                faults.Add($"{what}: {actual.Length} values instead of {expected.Length}");
                continue;
            }

            double scale = expected.Length == 0 ? 0 : expected.Max(Math.Abs);
            double error = actual.Zip(expected, (a, e) => Math.Abs(a - e)).DefaultIfEmpty().Max() / (scale == 0 ? 1 : scale);
            worst = Math.Max(worst, error);
            if (!(error <= tolerance))
                faults.Add(string.Create(CultureInfo.InvariantCulture, $"{what}: off by {error:E1} of the maximum, {tolerance:E1} is allowed"));
        }

        return new OperatorFixtureResult(worst, faults);
    }

    /// <summary>The node of the case.</summary>
    internal Node Node()
    {
        string[] outgoing = [.. file.Tensors.Select(t => t.Name).Where(n => n.StartsWith("relevance_out", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
        Values Read(string name) => new(file.Read<float>(name), [.. file[name].Shape]);
        // Rules do not read ids.
        Values Input(string name) => file[name].Type == SafeTensorType.F32 ? Read(name) : Values.Of([.. file[name].Shape], _ => float.NaN);
        Operation operation = new OperationOfFixture(file, inputs).Build()!;
        Values[] given = [.. inputs.Select(i => Input("in." + i))];
        Node node = operation is RecurrentLayers layers
            ? RecurrentFixture.Node(layers, given, Read(outgoing[0]), file)
            : new Node(operation, given, [.. outgoing.Select(Read)], (int)file["expected.dropped"].Shape[0]);
        return node with
        {
            Parameters = file.Tensors.Where(t => t.Name.StartsWith("param.", StringComparison.Ordinal)).ToDictionary(t => t.Name[6..], t => Read(t.Name)),
            Output = file.Contains("expected.output") ? new Values([.. file.Read<double>("expected.output").Select(v => (float)v)], [.. file["expected.output"].Shape]) : null,
            Saturation = Enum.TryParse(file.Metadata.GetValueOrDefault("activation"), ignoreCase: true, out Saturation s) ? s : Saturation.None,
        };
    }
}
