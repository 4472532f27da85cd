using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Backtrace.Gpu.Cli;

/// <summary>Numeric options: what is no such number is a usage error, in words for people.</summary>
internal static class OptionRanges
{
    internal static void MustBeBetween(this Option<int> option, int least, int most) => option.CustomParser = result => Parse(result, option.Name, least, most);

    internal static void MustBeBetween(this Option<int?> option, int least, int most) => option.CustomParser = result => Parse(result, option.Name, least, most);

    internal static void MustBeWhole(this Option<ulong> option) => option.CustomParser = result =>
    {
        string text = result.Tokens[0].Value;
        if (!ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong value))
            result.AddError($"{option.Name} must be a whole number from 0 to {ulong.MaxValue}, not '{text}'.");
        return value;
    };

    private static int Parse(ArgumentResult result, string name, int least, int most)
    {
        string text = result.Tokens[0].Value;
        if (!int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) || value < least || value > most)
            result.AddError($"{name} must be a whole number between {least} and {most}, not '{text}'.");
        return value;
    }
}
