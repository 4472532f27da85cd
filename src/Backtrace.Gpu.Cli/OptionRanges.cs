using System.CommandLine;
using System.Globalization;

namespace Backtrace.Gpu.Cli;

/// <summary>Bounds of numeric options, checked while parsing so that they are usage errors.</summary>
internal static class OptionRanges
{
    internal static void MustBeBetween(this Option option, int least, int most) => option.Validators.Add(result =>
    {
        // A token that is no number at all is reported by the parser; asking for its value here would throw.
        foreach (string token in result.Tokens.Select(t => t.Value))
        {
            if (int.TryParse(token, NumberStyles.Integer, CultureInfo.InvariantCulture, out int value) && (value < least || value > most))
                result.AddError($"{option.Name} must be between {least} and {most}, not {value}.");
        }
    });
}
