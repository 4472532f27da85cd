using System.Globalization;
using System.Text;

namespace Backtrace.Gpu.Models;

/// <summary>A character of one UTF-16 unit for each code point: itself, or the first one beyond Latin-1 of the same Unicode category.</summary>
internal static class StandIns
{
    private static readonly Dictionary<UnicodeCategory, char> OfCategory = Enumerable.Range(0x100, 0x10000 - 0x100).Select(c => (char)c)
        .GroupBy(CharUnicodeInfo.GetUnicodeCategory).ToDictionary(group => group.Key, group => group.First());

    internal static char Of(Rune rune) => rune.IsBmp ? (char)rune.Value : OfCategory[Rune.GetUnicodeCategory(rune)];
}
