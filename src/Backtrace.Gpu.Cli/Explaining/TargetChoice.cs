using System.Globalization;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Targets;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>The value of --target: each input's most likely class or token, or one for all.</summary>
/// <param name="Class">Position of the class, or number of the token; null for the most likely one.</param>
internal sealed record TargetChoice(int? Class)
{
    internal static TargetChoice Argmax { get; } = new((int?)null);

    /// <summary>Reads "argmax", a class name, or the number of a class; a name goes first where both fit.</summary>
    /// <exception cref="UsageException">No such class.</exception>
    internal static TargetChoice Parse(string text, IReadOnlyList<string> classes)
    {
        for (int k = 0; k < classes.Count; k++)
        {
            if (string.Equals(classes[k], text, StringComparison.OrdinalIgnoreCase))
                return new TargetChoice(k);
        }

        if (string.Equals(text, "argmax", StringComparison.OrdinalIgnoreCase))
            return Argmax;
        if (!int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int index))
            throw new UsageException($"--target: '{text}' is neither argmax nor a class.{NearNames.Hint(text, classes)} Classes: {List(classes)}.");
        return index >= 0 && index < classes.Count
            ? new TargetChoice(index)
            : throw new UsageException($"--target: class {index} is out of range; the model has {classes.Count} (0 to {classes.Count - 1}): {List(classes)}.");
    }

    /// <summary>Reads "argmax", a token as the tokenizer writes it, without or with the space before it, or the number of a token.</summary>
    /// <exception cref="UsageException">No such token.</exception>
    internal static TargetChoice ParseToken(string text, TextTokenizer tokenizer)
    {
        if (string.Equals(text, "argmax", StringComparison.OrdinalIgnoreCase))
            return Argmax;
        foreach (string wanted in new[] { text, " " + text })
        {
            for (int id = 0; id < tokenizer.VocabularySize; id++)
            {
                if (tokenizer.Knows(id) && tokenizer.TokenText(id) == wanted)
                    return new TargetChoice(id);
            }
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number < tokenizer.VocabularySize
            ? new TargetChoice(number)
            : throw new UsageException($"--target: '{text}' is neither argmax nor one token of the model; it has {tokenizer.VocabularySize} (0 to {tokenizer.VocabularySize - 1}), mostly parts of words.");
    }

    internal Target ToTarget() => Class is { } index ? Target.Class(index) : Target.Argmax();

    private static string List(IReadOnlyList<string> classes) =>
        string.Join(", ", classes.Take(20)) + (classes.Count > 20 ? $" and {classes.Count - 20} more" : "");
}
