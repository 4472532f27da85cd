using System.Text;

namespace Backtrace.Gpu.Models;

/// <summary>Gives cells of the same text the same string: the columns of a long table repeat themselves.</summary>
internal sealed class CellPool
{
    // Enough for the words and round numbers of a table; texts that are all different are not worth being looked up.
    private const int Most = 1 << 16, Longest = 32;

    private readonly HashSet<string> known = [];

    /// <summary>What was written to <paramref name="cell"/>.</summary>
    public string Text(StringBuilder cell)
    {
        if (cell.Length > Longest)
            return cell.ToString();
        Span<char> buffer = stackalloc char[Longest];
        Span<char> text = buffer[..cell.Length];
        cell.CopyTo(0, text, text.Length);
        HashSet<string>.AlternateLookup<ReadOnlySpan<char>> lookup = known.GetAlternateLookup<ReadOnlySpan<char>>();
        if (lookup.TryGetValue(text, out string? found))
            return found;
        string made = text.ToString();
        if (known.Count < Most)
            known.Add(made);
        return made;
    }
}
