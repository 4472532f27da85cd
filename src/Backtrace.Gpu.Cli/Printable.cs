namespace Backtrace.Gpu.Cli;

/// <summary>Text from files on the console: it may not steer the terminal, nor turn round what is written after it.</summary>
internal static class Printable
{
    /// <summary>The same with a mark for each control character and each override of the direction of writing.</summary>
    internal static string Text(string text) => string.Concat(text.Select(c => char.IsControl(c) || TurnsDirection(c) ? '\ufffd' : c));

    /// <summary>The same in one line.</summary>
    internal static string Line(string text) => Text(text.ReplaceLineEndings(" "));

    private static bool TurnsDirection(char c) => c is (>= '\u202a' and <= '\u202e') or (>= '\u2066' and <= '\u2069');
}
