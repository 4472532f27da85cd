using System.Globalization;
using System.Text;

namespace Backtrace.Gpu.Cli.Pictures;

/// <summary>Texts of files in places of a fixed width, such as the names beside bars. Nobody knows the reader's font, so widths are guessed, rather too large.</summary>
internal static class Fitted
{
    private const string Thin = "ijlI.,:;'|! ";
    private const string Narrow = "tfr()[]-/";
    private const string Broad = "mwMW@%";

    /// <summary>The text, or as much of its beginning as fits with an ellipsis.</summary>
    /// <param name="text">The text.</param>
    /// <param name="space">Room, in sizes of the font.</param>
    internal static string Text(string text, double space)
    {
        if (Width(text) <= space)
            return text;
        StringBuilder kept = new();
        double left = space - 1;
        for (TextElementEnumerator element = StringInfo.GetTextElementEnumerator(text); element.MoveNext();)
        {
            left -= Width(element.GetTextElement());
            if (left < 0)
                break;
            kept.Append(element.GetTextElement());
        }

        return kept.ToString().TrimEnd() + "\u2026";
    }

    /// <summary>About how wide a text is, in sizes of its font.</summary>
    internal static double Width(string text) => text.EnumerateRunes().Sum(Width);

    private static double Width(Rune rune) => rune switch
    {
        { Value: >= 0x1100 } => 1,
        { IsAscii: true } when Thin.Contains((char)rune.Value) => 0.33,
        { IsAscii: true } when Narrow.Contains((char)rune.Value) => 0.42,
        { IsAscii: true } when Broad.Contains((char)rune.Value) => 1,
        _ when Rune.IsUpper(rune) => 0.7,
        _ when Rune.GetUnicodeCategory(rune) == UnicodeCategory.NonSpacingMark => 0,
        _ => 0.64,
    };
}
