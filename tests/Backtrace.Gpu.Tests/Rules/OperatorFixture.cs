using System.Globalization;
using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Kernels.Rules.Recurrent;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>How a rule did on a golden case.</summary>
/// <param name="Worst">Largest error, relative to the maximum of the tensor that it is in.</param>
/// <param name="Faults">What is wrong, one line each.</param>
internal sealed record OperatorFixtureResult(double Worst, IReadOnlyList<string> Faults);

/// <summary>
/// A golden operator case of either mode: its node, its rule run on a device, and the comparison. Serves the tests here and the kit for GPU machines.
/// </summary>
internal sealed class OperatorFixture(SafeTensorsFile file)
{
    private static readonly (LedgerEntry Entry, string Name)[] Sinks =
        [(LedgerEntry.Bias, "bias_sink"), (LedgerEntry.Dropped, "dropped"), (LedgerEntry.Constant, "const_sink")];

    // What bf16 operands may cost.
    private const double Rounded = 1e-2;

    private readonly string[] inputs = file.Metadata["inputs"].Split(',');

    // What the names of a stream's tensors end with.
    private readonly string[] streams = file.Metadata["mode"] == "contrastive" ? ["_pos", "_neg"] : [""];

    /// <summary>Name of the operator.</summary>
    internal string Operator => file.Metadata["op"];

    /// <summary>True if one rule serves the case.</summary>
    internal bool IsCovered => Operator != "start" && new OperationOfFixture(file, inputs).Build() is not null;

    /// <summary>With operands of a precision, where the device has it.</summary>
    internal OperatorFixtureResult Run(Device device, ContractionPrecision precision = ContractionPrecision.Single)
    {
        Outcome[] outcomes = streams.Length == 1 ? [RuleRunner.Run(device, Node(), null, precision)] : RuleRunner.RunContrastive(device, Node(), null, precision);
        List<(string What, float[] Actual, double[] Expected)> pairs = [];
        List<string> faults = [];
        for (int k = 0; k < inputs.Length; k++)
        {
            string[] expected = [.. streams.Select(s => $"expected.relevance_in{s}.{inputs[k]}")];
            bool isDue = file.Contains(expected[0]);
            if (outcomes.Any(o => o.Relevance[k] is not null != isDue))
                faults.Add($"{inputs[k]}: relevance {(isDue ? "is missing" : "where none is due")}");
            else if (isDue)
                pairs.Add((inputs[k], [.. outcomes.SelectMany(o => o.Relevance[k]!.Data)], [.. expected.SelectMany(file.Read<double>)]));
        }

        foreach ((LedgerEntry entry, string name) in Sinks)
        {
            double[] expected = [.. streams.SelectMany(s => Sink(name, s))];
            pairs.Add((name, [.. outcomes.SelectMany(o => o.Ledger.GetValueOrDefault(entry, new float[Samples]))], expected));
        }

        double allowed = double.Parse(file.Metadata["tol_fp32"], CultureInfo.InvariantCulture);
        return Compare(pairs, faults, precision == ContractionPrecision.Single ? allowed : Math.Max(allowed, Rounded));
    }

    private int Samples => (int)file["expected.dropped" + streams[0]].Shape[0];

    // Contrastive mode has no bias sink, and cases then leave it out.
    private double[] Sink(string name, string stream) => file.Contains($"expected.{name}{stream}") ? file.Read<double>($"expected.{name}{stream}") : new double[Samples];

    private static OperatorFixtureResult Compare(List<(string What, float[] Actual, double[] Expected)> pairs, List<string> faults, double tolerance)
    {
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
        // Rules do not read ids.
        Values Input(string name) => file[name].Type == SafeTensorType.F32 ? Read(name) : Values.Of([.. file[name].Shape], _ => float.NaN);
        Operation operation = new OperationOfFixture(file, inputs).Build()!;
        Values[] given = [.. inputs.Select(i => Input("in." + i))];
        Node[] nodes = [.. streams.Select(s => operation is RecurrentLayers layers
            ? RecurrentFixture.Node(layers, given, Arriving(s)[0], file)
            : new Node(operation, given, Arriving(s), Samples))];
        return nodes[0] with
        {
            Opposing = nodes[^1].Relevance,
            Parameters = file.Tensors.Where(t => t.Name.StartsWith("param.", StringComparison.Ordinal)).ToDictionary(t => t.Name[6..], t => Read(t.Name)),
            Output = file.Contains("expected.output") ? new Values([.. file.Read<double>("expected.output").Select(v => (float)v)], [.. file["expected.output"].Shape]) : null,
            Saturation = Enum.TryParse(file.Metadata.GetValueOrDefault("activation"), ignoreCase: true, out Saturation s) ? s : Saturation.None,
        };
    }

    private Values Read(string name) => new(file.Read<float>(name), [.. file[name].Shape]);

    // Relevance at the output, or at the outputs in turn.
    private Values[] Arriving(string stream)
    {
        string own = "relevance_out" + stream;
        return [.. file.Tensors.Select(t => t.Name).Where(n => n == own || n.StartsWith(own + ".", StringComparison.Ordinal)).OrderBy(n => n.Length).ThenBy(n => n, StringComparer.Ordinal).Select(Read)];
    }
}
