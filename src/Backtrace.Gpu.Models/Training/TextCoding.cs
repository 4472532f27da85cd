namespace Backtrace.Gpu.Models.Training;

/// <summary>How texts become token numbers.</summary>
/// <param name="Settings">What a model folder says of it.</param>
/// <param name="Tokenize">Cuts a text into no more tokens than the network takes.</param>
/// <param name="Padding">Number of the token that fills up short texts.</param>
/// <param name="Kept">The tokens as numbers in the vocabulary of the start; null for all of them as they are.</param>
/// <param name="Save">Writes the tokenizer's file into a model folder.</param>
internal sealed record TextCoding(Preprocessing Settings, Func<string, TokenizedText> Tokenize, long Padding, IReadOnlyList<int>? Kept, Action<string> Save);
