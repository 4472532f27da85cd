using System.Buffers;
using System.CommandLine;
using System.CommandLine.Parsing;

namespace Backtrace.Gpu.Cli;

/// <summary>Options that take several values.</summary>
internal static class NameList
{
    /// <summary>Refuses a misspelt option among the values, where it would be taken for one of them.</summary>
    internal static void RefuseOptions(this Option<string[]> option) => option.Validators.Add(result =>
    {
        foreach (string value in result.Tokens.Select(token => token.Value))
        {
            if (value.StartsWith("--", StringComparison.Ordinal) && value.Length > 2 && value.AsSpan(2).IndexOfAnyExcept(Letters) < 0 && !Path.Exists(value))
                result.AddError($"'{value}' is no option of this command.{NearNames.Hint(value, CommandLine.OptionsOf((CommandResult)result.Parent!))}");
        }
    });

    private static readonly SearchValues<char> Letters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz-");

    /// <summary>Names, each alone or with commas between them.</summary>
    internal static IReadOnlyList<string> Of(string[] values) =>
        [.. values.SelectMany(value => value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)).Distinct()];
}
