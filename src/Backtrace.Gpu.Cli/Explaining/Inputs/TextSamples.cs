using Backtrace.Gpu.Models;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Texts for a classifier.</summary>
/// <param name="texts">The texts.</param>
/// <param name="pieces">Tells their tokens as people read them.</param>
/// <param name="block">Texts that are explained in the order of their lengths before the next ones are begun.</param>
internal sealed class TextSamples(IReadOnlyList<(TextLine Line, TokenizedText Tokens)> texts, Func<TokenizedText, Piece[]> pieces, int block) : TokenSamples
{
    /// <summary>A run that ends early has explained all texts up to the block that it was in; in small blocks few texts have the same length.</summary>
    internal const int Block = 4096, BlockOfLargeModel = 256;

    // Texts of one length need no padding; neighbours in a file seldom have it.
    private readonly int[] order = [.. Enumerable.Range(0, texts.Count).OrderBy(n => n / block).ThenBy(n => texts[n].Tokens.Ids.Count)];

    internal override int Count => texts.Count;

    internal override string Name(int n) => texts[n].Line.Name;

    internal override TextLine Line(int n) => texts[n].Line;

    internal override IReadOnlyList<Piece> Pieces(int n) => pieces(texts[n].Tokens);

    internal override int Input(int place) => order[place];

    internal override int RowAfter(int place) => Row(order.Skip(place).Take(block - place % block).Min());

    internal override int Together(int first, int most) => SameSize(first, Math.Min(most, block - first % block), place => texts[order[place]].Tokens.Ids.Count);

    internal override Tensor Batch(int first, int count) =>
        tensor(order.Skip(first).Take(count).SelectMany(n => texts[n].Tokens.Ids).ToArray(), [count, texts[order[first]].Tokens.Ids.Count]);
}
