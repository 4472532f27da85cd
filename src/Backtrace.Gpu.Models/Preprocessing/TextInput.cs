using static TorchSharp.torch;

namespace Backtrace.Gpu.Models;

/// <summary>A batch of texts, ready for a <see cref="TextClassifier"/>. Owns its tensors.</summary>
/// <param name="Texts">Each text with its tokens.</param>
/// <param name="Ids">Token numbers, padded at the end, [N, T] of 64-bit integers.</param>
/// <param name="AttentionMask">1 for tokens and 0 for padding, [N, T] of 64-bit integers.</param>
/// <param name="TokenTypes">Which of two texts a token belongs to: 0 everywhere, [N, T] of 64-bit integers.</param>
public sealed record TextInput(IReadOnlyList<TokenizedText> Texts, Tensor Ids, Tensor AttentionMask, Tensor TokenTypes) : IDisposable
{
    /// <summary>Pads texts to the longest.</summary>
    /// <exception cref="InvalidInputException">There are no texts, or one has no token.</exception>
    internal static TextInput Pad(IReadOnlyList<TokenizedText> texts, long padding)
    {
        for (int i = 0; i < texts.Count; i++)
        {
            if (texts[i].Ids.Count == 0)
                throw new InvalidInputException($"text {i + 1}", "is empty");
        }
        int length = texts.Select(text => text.Ids.Count).DefaultIfEmpty(0).Max();
        if (length == 0)
            throw new InvalidInputException("input", "has no texts");
        long[] ids = new long[texts.Count * length], mask = new long[ids.Length];
        Array.Fill(ids, padding);
        for (int i = 0; i < texts.Count; i++)
        {
            for (int t = 0; t < texts[i].Ids.Count; t++)
            {
                ids[i * length + t] = texts[i].Ids[t];
                mask[i * length + t] = 1;
            }
        }
        long[] shape = [texts.Count, length];
        return new TextInput(texts, tensor(ids, shape), tensor(mask, shape), zeros(shape, ScalarType.Int64));
    }

    /// <summary>Releases the tensors.</summary>
    public void Dispose()
    {
        Ids.Dispose();
        AttentionMask.Dispose();
        TokenTypes.Dispose();
    }
}
