using System.Text.Json;
using System.Text.RegularExpressions;
using Backtrace.Gpu.Cli;
using Backtrace.Gpu.Tests.Cli;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Docs;

/// <summary>docs/json.md names the fields that the command prints, all of them and no others.</summary>
public sealed partial class JsonDocumentTests
{
    private static readonly string Document = File.ReadAllText(Path.Combine(DocumentTests.Root, "docs", "json.md"));

    [Test]
    public async Task Fields_of_explain_are_listed()
    {
        using TemporaryFolder folder = new();
        HashSet<string> printed = [];
        string loans = Assets.Path("lending_club", "lending_club.csv");
        string table = folder.Write("l.csv", string.Join('\n', [.. File.ReadLines(loans).Take(3), "1,2"]));
        foreach (string[] arguments in new string[][]
        {
            ["-m", "lending-mlp", "-i", table, "--mode", "contrastive", "--layers", "all", "--skip-bad"],
            ["-m", "bert-tiny-sst2", "--text", "fine", "--mode", "contrastive"],
            ["-m", "bert-tiny-sst2", "--text", "fine", "--target", "positive,argmax"],
            ["-m", "stories260k", "--text", "Once"],
            ["-m", "mnist-mlp", "-i", Directory.EnumerateFiles(Assets.Path("mnist"), "*.png").First()],
        })
        {
            (int code, string output, string error) = await Command.Run(["explain", .. arguments, "-o", folder.File("out"), "--json"]);
            Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
            using JsonDocument json = JsonDocument.Parse(output);
            foreach (JsonElement e in json.RootElement.GetProperty("explanations").EnumerateArray())
                Assert.That(e.TryGetProperty("asked", out _), Is.EqualTo(arguments.Contains("--target")));
            Add(json.RootElement, "", printed);
        }

        Assert.That(printed, Is.EquivalentTo(Listed()));
    }

    [Test]
    public async Task Fields_of_evaluate_are_listed()
    {
        using TemporaryFolder folder = new();
        (int code, string output, string error) = await Command.Run(
            "evaluate", "text", "-m", "lstm-sst2", "--quick", "-n", "2", "--methods", "backtrace,attention-rollout", "--metrics", "deletion", "-o", folder.Path, "--json");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        HashSet<string> printed = [];
        using JsonDocument json = JsonDocument.Parse(output);
        Add(json.RootElement, "", printed);
        string table = Document.Split("\n\n").Single(t => t.StartsWith("| measured |", StringComparison.Ordinal));
        Assert.That(printed.Select(field => Name().Replace(field, ".NAME")).Distinct(), Is.EquivalentTo(Row().Matches(table).Select(row => row.Groups[1].Value).Where(field => OperatingSystem.IsLinux() || !field.EndsWith(".peak_bytes", StringComparison.Ordinal))));
    }

    [Test]
    public async Task Fields_of_the_list_of_layers_are_listed()
    {
        (int code, string output, string error) = await Command.Run("explain", "-m", "mnist-mlp", "--layers", "list", "--json");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        HashSet<string> printed = [];
        using JsonDocument json = JsonDocument.Parse(output);
        Add(json.RootElement, "", printed);
        string section = Document.Split("\n## ").Single(t => t.StartsWith("backtrace explain --layers list", StringComparison.Ordinal));
        Assert.That(printed, Is.EquivalentTo(LayerField().Matches(section).Select(m => m.Groups[1].Value)));
    }

    [Test]
    public async Task Fields_of_devices_are_listed()
    {
        (int code, string output, string error) = await Command.Run("devices", "--json");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        HashSet<string> printed = [];
        using JsonDocument json = JsonDocument.Parse(output);
        Add(json.RootElement, "", printed);
        Assert.That(printed, Is.EquivalentTo(DeviceField().Matches(Document).Select(m => m.Groups[1].Value)));
    }

    // Leaves, and lists of them. Devices have all of their fields, null or not.
    private static void Add(JsonElement value, string path, HashSet<string> paths)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (JsonProperty property in value.EnumerateObject().Where(p => p.Value.ValueKind is not JsonValueKind.Null || path == "[]"))
                    Add(property.Value, path.Length == 0 ? property.Name : $"{path}.{property.Name}", paths);
                break;
            case JsonValueKind.Array:
                foreach (JsonElement element in value.EnumerateArray())
                    Add(element, path + "[]", paths);
                break;
            default:
                paths.Add(path);
                break;
        }
    }

    // Fields that are accounts, nodes or classes have the fields of these.
    private static IEnumerable<string> Listed()
    {
        string[] tables = Document.Split("\n\n");
        ILookup<string, string> parts = tables.Where(t => PartHead().IsMatch(t)).SelectMany(t => Row().Matches(t).Select(m => (Part: PartHead().Match(t).Groups[1].Value, Field: m.Groups[1].Value))).ToLookup(row => row.Part, row => row.Field);
        foreach (Match row in Row().Matches(tables.Single(t => t.StartsWith("| field |", StringComparison.Ordinal))))
        {
            (string field, string type) = (row.Groups[1].Value, row.Groups[2].Value);
            if (parts.Contains(type))
            {
                foreach (string part in parts[type])
                    yield return $"{field}.{part}";
            }
            else if (type.Length > 0)
            {
                yield return field;
            }
        }
    }

    [GeneratedRegex(@"^\| `([^`]+)` \| (\w*) ?\|", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex(@"^\| (account|node|class) \|")]
    private static partial Regex PartHead();

    // The name of a method or metric.
    [GeneratedRegex(@"(?<=left_out|metrics)\.[^.]+")]
    private static partial Regex Name();

    [GeneratedRegex(@"`((?:model|layers\[\])\.[\w\[\]]+)`")]
    private static partial Regex LayerField();

    [GeneratedRegex(@"`(\[\]\.\w+)`")]
    private static partial Regex DeviceField();
}
