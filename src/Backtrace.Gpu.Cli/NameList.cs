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
            if (!value.StartsWith("--", StringComparison.Ordinal) || value.Length == 2 || value.AsSpan(2).IndexOfAnyExcept(Letters) >= 0 || Path.Exists(value))
                continue;
            string[] known = [.. CommandLine.OptionsOf((CommandResult)result.Parent!)];
            result.AddError(known.Contains(value) ? $"{option.Name} has no value before {value}." : $"'{value}' is no option of this command.{NearNames.Hint(value, known)}");
        }
    });

    /// <summary>Refuses an empty name of a file, as an unset variable of a script leaves it.</summary>
    internal static void RefuseEmpty(this Option option) => option.Validators.Add(result =>
    {
        if (result.Tokens.Any(token => string.IsNullOrWhiteSpace(token.Value)))
            result.AddError($"{option.Name}: a file's name is empty.");
    });

    private static readonly SearchValues<char> Letters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz-");

    /// <summary>Names, each alone or with commas between them.</summary>
    internal static IReadOnlyList<string> Of(string[] values) =>
        [.. values.SelectMany(value => value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)).Distinct()];
}
