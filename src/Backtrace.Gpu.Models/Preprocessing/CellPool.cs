namespace Backtrace.Gpu.Models;

/// <summary>Gives cells of the same text the same string: the columns of a long table repeat themselves.</summary>
internal sealed class CellPool
{
    // Enough for the words and round numbers of a table; texts that are all different are not worth being looked up.
    private const int Most = 1 << 16, Longest = 32;

    private readonly HashSet<string> known = [];
    private readonly HashSet<string>.AlternateLookup<ReadOnlySpan<char>> lookup;

    internal CellPool() => lookup = known.GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>The string of this text.</summary>
    internal string Text(ReadOnlySpan<char> cell)
    {
        if (cell.Length > Longest)
            return cell.ToString();
        if (lookup.TryGetValue(cell, out string? found))
            return found;
        string made = cell.ToString();
        if (known.Count < Most)
            known.Add(made);
        return made;
    }
}
