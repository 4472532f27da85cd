using System.Globalization;
using System.Text;

namespace Backtrace.Gpu.Models;

/// <summary>
/// BERT's first step: words, punctuation marks and Chinese characters are parted by spaces. BertTokenizer of Microsoft.ML.Tokenizers 2.0 is not
/// used for it because it joins words across line ends and loses symbols such as "$".
/// </summary>
internal static class BasicTokenizer
{
    private static readonly Rune Unreadable = Rune.ReplacementChar;

    internal static string Part(string text, bool lowerCase, bool stripAccents)
    {
        StringBuilder result = new(text.Length * 2);
        foreach (Rune rune in text.EnumerateRunes())
        {
            UnicodeCategory category = Rune.GetUnicodeCategory(rune);
            if (IsSpace(rune, category))
                result.Append(' ');
            if (IsSpace(rune, category) || IsControl(category) || rune == Unreadable)
                continue;
            string plain = !lowerCase ? rune.ToString() : stripAccents ? Stripped(rune, category) : Lower(rune);
            bool isApart = IsChinese(rune.Value) || plain.Length > 0 && IsPunctuation(Rune.GetRuneAt(plain, 0));
            result.Append(isApart ? $" {plain} " : plain);
        }
        return result.ToString();
    }

    private static string Stripped(Rune rune, UnicodeCategory category) => category == UnicodeCategory.NonSpacingMark ? "" : Accents.Strip(Rune.ToLowerInvariant(rune));

    // The one letter that becomes two.
    private static string Lower(Rune rune) => rune.Value == 'İ' ? "i\u0307" : Rune.ToLowerInvariant(rune).ToString();

    private static bool IsSpace(Rune rune, UnicodeCategory category) => category == UnicodeCategory.SpaceSeparator || rune.Value is '\t' or '\n' or '\r';

    private static bool IsControl(UnicodeCategory category) => category
        is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned;

    // All ASCII symbols count as punctuation.
    private static bool IsPunctuation(Rune rune) =>
        Rune.GetUnicodeCategory(rune) is >= UnicodeCategory.ConnectorPunctuation and <= UnicodeCategory.OtherPunctuation || (rune.IsAscii && !Rune.IsLetterOrDigit(rune));

    private static bool IsChinese(int c) => c
        is (>= 0x4E00 and <= 0x9FFF) or (>= 0x3400 and <= 0x4DBF) or (>= 0x20000 and <= 0x2A6DF) or (>= 0x2A700 and <= 0x2CEAF)
        or (>= 0xF900 and <= 0xFAFF) or (>= 0x2F800 and <= 0x2FA1F);
}
