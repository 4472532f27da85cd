using System.Globalization;
using System.Text;
using Backtrace.Gpu.Kernels;

namespace Backtrace.Gpu.Models;

/// <summary>
/// Pieces with scores from a tokenizer.bin of llama2.c: a space goes before the text, neighbours are joined where that gives the piece of the
/// highest score, and characters without a piece become their bytes.
/// </summary>
public sealed class SentencePieceTokenizer : TextTokenizer
{
    // Unknown, begin and end of text come first, then the 256 bytes.
    private const int Begin = 1, FirstByte = 3, FirstPiece = FirstByte + 256;

    private readonly IReadOnlyList<ScoredPiece> pieces;
    private readonly Dictionary<string, int> ids = [];

    private SentencePieceTokenizer(IReadOnlyList<ScoredPiece> pieces)
    {
        this.pieces = pieces;
        for (int id = FirstPiece; id < pieces.Count; id++)
            ids.TryAdd(pieces[id].Text, id);
    }

    /// <inheritdoc/>
    public override int VocabularySize => pieces.Count;

    /// <summary>Reads tokenizer.bin: a 32-bit longest length, then for each piece a 32-bit float score, a 32-bit length and UTF-8.</summary>
    /// <exception cref="ModelException">Missing, damaged or too short.</exception>
    public static SentencePieceTokenizer Read(string path)
    {
        IReadOnlyList<ScoredPiece> pieces = ScoredPiece.ReadAll(path);
        return pieces.Count > FirstPiece ? new SentencePieceTokenizer(pieces) : throw new ModelException($"{path}: holds {Counted.Of(pieces.Count, "piece")}; the special ones and the bytes alone are {FirstPiece}.");
    }

    /// <inheritdoc/>
    public override string TokenText(long id) => IsByte(Checked(id)) ? ByteText.Show([(byte)(id - FirstByte)]) : pieces[(int)id].Text.Trim('\n');

    /// <inheritdoc/>
    public override string Decode(IEnumerable<long> ids)
    {
        List<byte> bytes = [];
        long before = -1;
        foreach (int id in ids.Select(Checked))
        {
            if (IsByte(id))
                bytes.Add((byte)(id - FirstByte));
            else if (id >= FirstPiece)
                bytes.AddRange(Encoding.UTF8.GetBytes(before == Begin ? WithoutSpace(pieces[id].Text) : pieces[id].Text));
            before = id;
        }
        return Encoding.UTF8.GetString([.. bytes]);
    }

    /// <inheritdoc/>
    protected override IEnumerable<int> EncodeToIds(string text)
    {
        if (text.Length == 0)
            return [Begin];
        PieceJoiner joiner = new(Characters(" " + text), (left, right) =>
            ids.TryGetValue(pieces[left].Text + pieces[right].Text, out int id) && left >= FirstPiece && right >= FirstPiece ? (id, pieces[id].Score) : null);
        return [Begin, .. joiner.Join()];
    }

    private IEnumerable<int> Characters(string text)
    {
        foreach (Rune character in text.EnumerateRunes())
        {
            if (ids.TryGetValue(character.ToString(), out int id))
            {
                yield return id;
                continue;
            }
            foreach (byte b in Encoding.UTF8.GetBytes(character.ToString()))
                yield return FirstByte + b;
        }
    }

    private static bool IsByte(int id) => id is >= FirstByte and < FirstPiece;

    private static string WithoutSpace(string text) => text.StartsWith(' ') ? text[1..] : text;

    private int Checked(long id) =>
        id >= 0 && id < pieces.Count ? (int)id : throw new ArgumentOutOfRangeException(nameof(id), id, string.Create(CultureInfo.InvariantCulture, $"The tokenizer has {Counted.Of(pieces.Count, "token")}."));
}
