namespace Backtrace.Gpu.Cli;

/// <summary>Text from files on the console: it may not steer the terminal.</summary>
internal static class Printable
{
    /// <summary>The same with a mark for each control character.</summary>
    internal static string Text(string text) => string.Concat(text.Select(c => char.IsControl(c) ? '\ufffd' : c));

    /// <summary>The same in one line.</summary>
    internal static string Line(string text) => Text(text.ReplaceLineEndings(" "));
}
