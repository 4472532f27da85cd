using Backtrace.Gpu.Models;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Texts for a classifier.</summary>
/// <param name="texts">The texts.</param>
/// <param name="pieces">Tells their tokens as people read them.</param>
internal sealed class TextSamples(IReadOnlyList<(TextLine Line, TokenizedText Tokens)> texts, Func<TokenizedText, Piece[]> pieces) : TokenSamples
{
    internal override int Count => texts.Count;

    internal override string Name(int n) => texts[n].Line.Name;

    internal override TextLine Line(int n) => texts[n].Line;

    internal override IReadOnlyList<Piece> Pieces(int n) => pieces(texts[n].Tokens);

    /// <summary>Texts of one length need no padding.</summary>
    internal override int Together(int first, int most) => SameSize(first, most, n => texts[n].Tokens.Ids.Count);

    internal override Tensor Batch(int first, int count) =>
        tensor(texts.Skip(first).Take(count).SelectMany(text => text.Tokens.Ids).ToArray(), [count, texts[first].Tokens.Ids.Count]);
}
