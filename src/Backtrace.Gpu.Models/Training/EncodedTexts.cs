using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Models.Training;

/// <summary>Tokenized texts with their classes.</summary>
internal sealed class EncodedTexts(TextTable table, TextCoding coding, IReadOnlyList<string> classes)
{
    private const int MeasuredAtOnce = 64;
    private readonly TokenizedText[] texts = [.. table.Texts.Select((text, k) => coding.Tokenize(text) is { Ids.Count: > 0 } tokens
        ? tokens
        : throw new InvalidInputException(table.Path, "has a text without any token", table.LineOf(k)))];
    private readonly long[] labels = [.. table.Numbers(classes).Select(number => (long)number)];

    internal int Count => texts.Length;

    /// <summary>Mean cross-entropy of some texts.</summary>
    internal Tensor Loss(TextClassifier network, int[] rows) => nn.functional.cross_entropy(Logits(network, rows), tensor(rows.Select(row => labels[row]).ToArray()));

    /// <summary>Share of texts whose largest logit is that of their class.</summary>
    internal double Accuracy(TextClassifier network) => Score(network).Accuracy;

    /// <summary>The accuracy, and less the mean cross-entropy, which tells passes of equal accuracy apart.</summary>
    internal (double Accuracy, double Tie) Score(TextClassifier network)
    {
        using IDisposable inference = no_grad();
        // Texts of similar length together: little padding.
        int[] order = [.. Enumerable.Range(0, Count).OrderBy(row => texts[row].Ids.Count)];
        int right = 0;
        double loss = 0;
        foreach (int[] rows in order.Chunk(MeasuredAtOnce))
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor logits = Logits(network, rows), wanted = tensor(rows.Select(row => labels[row]).ToArray());
            right += logits.argmax(1).eq(wanted).sum().to(int32).item<int>();
            loss += nn.functional.cross_entropy(logits, wanted, reduction: nn.Reduction.Sum).item<float>();
        }
        return (right / (double)Count, -loss / Count);
    }

    private Tensor Logits(TextClassifier network, int[] rows)
    {
        using TextInput input = TextInput.Pad([.. rows.Select(row => texts[row])], coding.Padding);
        return network.forward(input.Ids, input.AttentionMask, input.TokenTypes);
    }
}
