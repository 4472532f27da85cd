using System.Text;

namespace Backtrace.Gpu.Models;

/// <summary>
/// Removes the accents of lower-case Latin letters. String.Normalize does it for all scripts, but does nothing in invariant globalisation mode.
/// </summary>
internal static class Accents
{
    // Base letters of U+00E0 to U+017F; letters that Unicode does not decompose stay.
    private const string Bases =
        "aaaaaaæceeeeiiiiðnooooo÷øuuuuyþy" +
        "AaAaAaCcCcCcCcDdĐđEeEeEeEeEeGgGgGgGgHhĦħIiIiIiIiIıĲĳJjKkĸLlLlLlĿŀŁłNnNnNnŉŊŋOoOoOoŒœRrRrRrSsSsSsSsTtTtŦŧUuUuUuUuUuUuWwYyYZzZzZzſ";

    internal static Rune Strip(Rune letter) => letter.Value is >= 0xE0 and <= 0x17F ? new Rune(Bases[letter.Value - 0xE0]) : letter;
}
