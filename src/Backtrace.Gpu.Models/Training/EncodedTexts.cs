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
    internal double Accuracy(TextClassifier network)
    {
        using IDisposable inference = no_grad();
        // Texts of similar length together: little padding.
        int[] order = [.. Enumerable.Range(0, Count).OrderBy(row => texts[row].Ids.Count)];
        int right = 0;
        foreach (int[] rows in order.Chunk(MeasuredAtOnce))
        {
            using DisposeScope scope = NewDisposeScope();
            long[] answers = Logits(network, rows).argmax(1).data<long>().ToArray();
            right += answers.Zip(rows, (answer, row) => answer == labels[row] ? 1 : 0).Sum();
        }
        return right / (double)Count;
    }

    private Tensor Logits(TextClassifier network, int[] rows)
    {
        using TextInput input = TextInput.Pad([.. rows.Select(row => texts[row])], coding.Padding);
        return network.forward(input.Ids, input.AttentionMask, input.TokenTypes);
    }
}
