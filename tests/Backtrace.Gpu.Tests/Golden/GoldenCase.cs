using System.Globalization;
using System.Text.Json;
using Backtrace.Gpu.Interop;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Golden;

/// <summary>One node of a golden case.</summary>
internal sealed record GoldenNode(string Name, string Op, string[] Inputs, Dictionary<string, string> Parameters, FixtureAttributes Attributes);

/// <summary>A golden file as a network of operators: one for an operator case, several for a model.</summary>
internal sealed class GoldenCase : IDisposable
{
    private readonly Dictionary<string, Tensor> parameters = [];

    internal GoldenCase(string path)
    {
        File = SafeTensors.Open(path);
        IsModel = File.Metadata["kind"] == "model";
        Nodes = IsModel ? ModelNodes() : OperatorNodes();
        Name = IsModel ? File.Metadata["model"] : File.Metadata["case"];
        Inputs = [.. Nodes.Where(n => n.Op == "input").Select(n => n.Name).Where(HasRelevance)];
        foreach (SafeTensorInfo info in File.Tensors.Where(t => t.Name.StartsWith("param.", StringComparison.Ordinal)))
            parameters[info.Name[6..]] = File.ToTensor(info.Name);
    }

    internal SafeTensorsFile File { get; }

    internal bool IsModel { get; }

    internal string Name { get; }

    internal IReadOnlyList<GoldenNode> Nodes { get; }

    /// <summary>Inputs that are explained.</summary>
    internal string[] Inputs { get; }

    /// <summary>What the table groups by.</summary>
    internal string Group => IsModel ? "model " + Name : File.Metadata["op"];

    internal double Tolerance(string key) => double.Parse(File.Metadata[key], CultureInfo.InvariantCulture);

    /// <summary>Computes the network; several outputs are joined into one, [N, all].</summary>
    internal Tensor Forward(IReadOnlyList<Tensor> inputs)
    {
        Dictionary<string, Tensor[]> values = [];
        for (int k = 0; k < Inputs.Length; k++)
            values[Inputs[k]] = [inputs[k]];
        string last = IsModel ? File.Metadata["output_node"] : "op";
        foreach (GoldenNode node in Nodes)
        {
            if (!values.ContainsKey(node.Name))
                values[node.Name] = Compute(node, values);
        }

        Tensor[] outputs = values[last];
        return outputs.Length == 1 ? outputs[0] : cat([.. outputs.Select(o => o.flatten(1))], 1);
    }

    /// <summary>The recorder's name of each node: label and occurrence, in execution order.</summary>
    internal Dictionary<string, string> RecordedNames()
    {
        Dictionary<string, int> count = [];
        Dictionary<string, string> names = [];
        foreach (GoldenNode node in Nodes.Where(n => n.Op is not ("input" or "const")))
        {
            foreach (string label in FixtureOperators.Labels(node.Op, node.Attributes))
            {
                count[label] = count.GetValueOrDefault(label) + 1;
                names[node.Name] = count[label] == 1 ? label : $"{label}#{count[label]}";
            }
        }

        return names;
    }

    public void Dispose()
    {
        foreach (Tensor tensor in parameters.Values)
            tensor.Dispose();
        File.Dispose();
    }

    // Masks and constant operands have none.
    private bool HasRelevance(string input) =>
        File.Tensors.Any(t => t.Name.Contains(".relevance_in", StringComparison.Ordinal) && t.Name.EndsWith("." + input, StringComparison.Ordinal));

    private Tensor[] Compute(GoldenNode node, Dictionary<string, Tensor[]> values) => node.Op switch
    {
        "input" => [File.ToTensor("in." + node.Name)],
        "const" => [parameters[node.Parameters["value"]]],
        _ => FixtureOperators.Run(
            node.Op,
            [.. node.Inputs.Select(i => values[i][0])],
            role => node.Parameters.TryGetValue(role, out string? name) ? parameters[name] : null,
            node.Attributes),
    };

    private List<GoldenNode> ModelNodes()
    {
        using JsonDocument graph = JsonDocument.Parse(File.Metadata["graph"]);
        return [.. graph.RootElement.EnumerateArray().Select(n => new GoldenNode(
            n.GetProperty("name").GetString()!,
            n.GetProperty("op").GetString()!,
            [.. n.GetProperty("in").EnumerateArray().Select(i => i.GetString()!)],
            n.GetProperty("par").EnumerateObject().ToDictionary(p => p.Name, p => p.Value.GetString()!),
            new FixtureAttributes(n.GetProperty("att"))))];
    }

    private List<GoldenNode> OperatorNodes()
    {
        FixtureAttributes none = new(new Dictionary<string, string>());
        string[] inputs = File.Metadata["inputs"].Split(',');
        Dictionary<string, string> roles = File.Tensors.Where(t => t.Name.StartsWith("param.", StringComparison.Ordinal)).ToDictionary(t => t.Name[6..], t => t.Name[6..]);
        return [.. inputs.Select(i => new GoldenNode(i, "input", [], [], none)), new GoldenNode("op", File.Metadata["op"], inputs, roles, new FixtureAttributes(File.Metadata))];
    }
}
