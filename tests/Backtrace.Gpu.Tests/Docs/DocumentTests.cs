using System.Text.RegularExpressions;
using Backtrace.Gpu.Graphs;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Docs;

/// <summary>The documents say what the code says: their C# is compiled and run here, and the rules that comments cite are there.</summary>
public sealed partial class DocumentTests
{
    internal static readonly string Root = FindRoot();

    private static IEnumerable<string> Documents => Directory.EnumerateFiles(Path.Combine(Root, "docs"), "*.md").Select(f => Path.GetRelativePath(Root, f))
        .Concat(["README.md", Path.Combine("tests", "assets", "README.md"), Path.Combine("tests", "fixtures", "README.md")]);

    [TestCaseSource(nameof(Documents))]
    public void Examples_are_code_of_the_tests(string document)
    {
        string[] sources = [.. Directory.EnumerateFiles(Path.Combine(Root, "tests", "Backtrace.Gpu.Tests", "Docs"), "*.cs").Select(Lines)];
        Assert.Multiple(() =>
        {
            foreach (Match block in CSharpBlock().Matches(File.ReadAllText(Path.Combine(Root, document))))
                Assert.That(sources.Any(source => source.Contains(Trimmed(block.Groups[1].Value), StringComparison.Ordinal)), block.Value);
        });
    }

    [Test]
    public void Rules_that_comments_cite_exist()
    {
        HashSet<string> sections = [.. Section().Matches(File.ReadAllText(Path.Combine(Root, "docs", "rules.md"))).Select(m => m.Groups[1].Value)];
        string[] missing = [.. from folder in new[] { "kernels", "src", "tests" }
                               from file in Directory.EnumerateFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories)
                               from Match citation in Citation().Matches(File.ReadAllText(file))
                               from Match id in Id().Matches(citation.Groups[1].Value)
                               where !sections.Contains(id.Value)
                               select $"{Path.GetFileName(file)}: {id.Value}"];
        Assert.That(missing, Is.Empty);
    }

    // Of the specification's list: where the references disagree, and what their rule sets do about it.
    [Test]
    public void Every_disagreement_is_reproduced_or_says_why_not()
    {
        ILookup<int, string> last = Disagreement().Matches(File.ReadAllText(Path.Combine(Root, "docs", "rules.md"))).ToLookup(row => int.Parse(row.Groups[1].Value), row => row.Groups[2].Value);
        Assert.That(Enumerable.Range(1, 32).Where(number => !last.Contains(number)), Is.Empty, "rows");
        Assert.That(last.SelectMany(rows => rows), Has.All.Contains("`V").Or.Contains("as here").Or.Match("not reproduced: ."));
    }

    [Test]
    public void Every_recorded_operator_is_listed()
    {
        string rules = File.ReadAllText(Path.Combine(Root, "docs", "rules.md"));
        Assert.That(Lowerings.Operators.Where(name => !rules.Contains($"`{name}`", StringComparison.Ordinal)), Is.Empty);
    }

    [TestCaseSource(nameof(Documents))]
    public void Links_lead_to_files_and_headings(string document)
    {
        string text = CodeBlock().Replace(File.ReadAllText(Path.Combine(Root, document)), "");
        string[] broken = [.. from Match link in Link().Matches(text)
                              let path = link.Groups[1].Value
                              where !path.Contains("://", StringComparison.Ordinal)
                              let file = path.Length == 0 ? document : Path.Combine(Path.GetDirectoryName(document)!, path)
                              where !Path.Exists(Path.Combine(Root, file)) || (link.Groups[2].Success && !Anchors(file).Contains(link.Groups[2].Value))
                              select link.Value];
        Assert.That(broken, Is.Empty);
    }

    // As GitHub makes them of headings.
    private static string[] Anchors(string document) => [.. Heading().Matches(CodeBlock().Replace(File.ReadAllText(Path.Combine(Root, document)), ""))
        .Select(heading => NoPartOfAnchors().Replace(heading.Groups[1].Value.ToLowerInvariant(), "").Replace(' ', '-'))];

    private static string Lines(string file) => Trimmed(File.ReadAllText(file));

    // Indentation does not count.
    private static string Trimmed(string text) => string.Join('\n', text.Trim().Split('\n').Select(line => line.Trim()));

    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Backtrace.Gpu.sln")))
                return folder.FullName;
        }

        throw new DirectoryNotFoundException($"No folder above {AppContext.BaseDirectory} has Backtrace.Gpu.sln.");
    }

    [GeneratedRegex(@"^```csharp\n(.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex CSharpBlock();

    [GeneratedRegex(@"^```.*?^```", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex CodeBlock();

    [GeneratedRegex(@"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^#+ (.+?)\r?$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NoPartOfAnchors();

    // A heading, or a row of the table of decisions.
    [GeneratedRegex(@"^(?:#+|\|) ([A-H](?:\.\d+)*)(?=[ .])", RegexOptions.Multiline)]
    private static partial Regex Section();

    // Number and last cell.
    [GeneratedRegex(@"^\| C\.(\d+)(?: [ab])? \|.*\| ([^|]+) \|$", RegexOptions.Multiline)]
    private static partial Regex Disagreement();

    [GeneratedRegex(@"rules\.md, ([A-H](?:\.\d+)*\b(?:(?:, | to | and )[A-H](?:\.\d+)*\b)*)")]
    private static partial Regex Citation();

    [GeneratedRegex(@"[A-H](?:\.\d+)*")]
    private static partial Regex Id();
}
