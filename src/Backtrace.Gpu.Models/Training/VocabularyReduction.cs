namespace Backtrace.Gpu.Models.Training;

/// <summary>Which tokens of a vocabulary some texts need.</summary>
internal static class VocabularyReduction
{
    /// <summary>
    /// Numbers of the tokens to keep, ascending: special ones, those that occur often enough, and single ASCII characters at the beginning of a word
    /// and within, so that any English word can still be spelled.
    /// </summary>
    /// <param name="tokenizer">Cuts the texts with the whole vocabulary.</param>
    /// <param name="texts">The training texts.</param>
    /// <param name="occurrences">How often a token must occur; 0 keeps all.</param>
    internal static IReadOnlyList<int> Keep(WordPiece tokenizer, IReadOnlyList<string> texts, int occurrences)
    {
        int[] counts = new int[tokenizer.Pieces.Count];
        foreach (long id in texts.SelectMany(text => tokenizer.Tokenize(text).Ids))
            counts[id]++;
        return [.. Enumerable.Range(0, counts.Length).Where(id => counts[id] >= occurrences || IsIndispensable(tokenizer.Pieces[id]))];
    }

    private static bool IsIndispensable(string piece) => Vocabulary.Special.Contains(piece)
        || piece is [var c] && char.IsAscii(c)
        || piece is ['#', '#', var inner] && char.IsAscii(inner);
}
