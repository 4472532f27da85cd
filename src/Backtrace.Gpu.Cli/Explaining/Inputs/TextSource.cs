using Backtrace.Gpu.Kernels;
using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Texts from --text or from the lines of a file, cut into tokens.</summary>
internal static class TextSource
{
    /// <summary>The texts of a request; empty lines of files are left out.</summary>
    /// <param name="request">Names them.</param>
    /// <param name="skipped">Called with the message for each line that is no text, which is then left out; null to stop there.</param>
    /// <exception cref="UsageException">More than one file, or --rows beyond its lines.</exception>
    /// <exception cref="InvalidInputException">The file is missing, is no text file, or has no text.</exception>
    internal static IReadOnlyList<TextLine> Read(ExplainRequest request, Action<string>? skipped)
    {
        if (request.Texts.Count > 0)
            return Chosen(request, [.. request.Texts.Select((text, k) => new TextLine(text, null, k + 1))]);
        if (request.Inputs.Count != 1)
            throw new UsageException("--input: this model takes one file with a text on each line, or texts after --text.");
        string path = request.Inputs[0];
        TextLine[] lines = [.. TextFile.ReadLines(path, skipped is null ? null : bad => skipped(bad.Message)).Select((line, k) => new TextLine(line, path, k + 1))];
        if (lines.All(line => string.IsNullOrWhiteSpace(line.Text)))
            throw new InvalidInputException(path, "holds no text");
        TextLine[] texts = [.. Chosen(request, lines).Where(line => !string.IsNullOrWhiteSpace(line.Text))];
        return texts.Length > 0 ? texts : throw new InvalidInputException(path, $"holds no text on the lines of --rows {request.Rows}, which are counted from 0");
    }

    private static TextLine[] Chosen(ExplainRequest request, TextLine[] lines)
    {
        if (request.Rows is null)
            return lines;
        RowSelection selection = RowSelection.Parse(request.Rows);
        selection.EnsureWithin(lines.Length, request.Texts.Count > 0 ? "text" : "line");
        return [.. selection.Of(lines.Length).Select(row => lines[row])];
    }

    /// <summary>Texts for a classifier.</summary>
    /// <param name="lines">The texts.</param>
    /// <param name="tokenizer">Cuts them.</param>
    /// <param name="most">Tokens that the model takes.</param>
    /// <param name="skipped">Called with the message for each that cannot be used, which is then left out; null to stop there.</param>
    /// <param name="firstOnly">Whether the first one that can be used is enough.</param>
    /// <param name="block">As for <see cref="TextSamples"/>.</param>
    /// <exception cref="InvalidInputException">A text is too long or has no token.</exception>
    internal static TextSamples ForClassifier(IReadOnlyList<TextLine> lines, WordPiece tokenizer, int most, Action<string>? skipped, bool firstOnly = false, int block = TextSamples.Block) =>
        ForClassifier(lines, tokenizer.Tokenize, Piece.OfWords, most, skipped, firstOnly, block);

    /// <inheritdoc cref="ForClassifier(IReadOnlyList{TextLine}, WordPiece, int, Action{string}, bool, int)"/>
    internal static TextSamples ForClassifier(IReadOnlyList<TextLine> lines, TextTokenizer tokenizer, int most, Action<string>? skipped, bool firstOnly = false, int block = TextSamples.Block) =>
        ForClassifier(lines, tokenizer.Tokenize, Piece.OfText, most, skipped, firstOnly, block);

    private static TextSamples ForClassifier(IReadOnlyList<TextLine> lines, Func<string, TokenizedText> tokenize, Func<TokenizedText, Piece[]> pieces, int most, Action<string>? skipped, bool firstOnly, int block)
    {
        return new TextSamples(Usable(lines, skipped, firstOnly, line => (line, Tokenize(line))), pieces, block);

        TokenizedText Tokenize(TextLine line)
        {
            TokenizedText text = tokenize(line.Text);
            if (text.IsCut || text.Ids.Count > most)
                throw new InvalidInputException(line.Source, $"{line.Name} has more than the {Counted.Of(most, "token")} that the model takes; shorten it");
            return pieces(text).Any(piece => !piece.IsSpecial || piece.Text == "[UNK]") ? text : throw new InvalidInputException(line.Source, $"{line.Name} {(string.IsNullOrWhiteSpace(line.Text) ? "is empty" : "has nothing that the model reads, only special tokens or marks that it leaves out")}");
        }
    }

    /// <summary>Prompts for a language model, which generates tokens for each when its turn comes.</summary>
    /// <param name="lines">The prompts.</param>
    /// <param name="package">The model.</param>
    /// <param name="generate">Tokens to add to each; 0 for none.</param>
    /// <param name="warn">Called with each prompt that leaves the model no room for so many; null where nobody asked for a number.</param>
    /// <param name="skipped">Called with the message for each prompt that cannot be used, which is then left out; null to stop there.</param>
    /// <param name="firstOnly">Whether one prompt is enough.</param>
    /// <param name="progress">Told how many tokens were generated.</param>
    /// <param name="cancellation">Stops between tokens.</param>
    /// <exception cref="InvalidInputException">A prompt is too long or cannot be spelled.</exception>
    internal static PromptSamples ForLanguageModel(IReadOnlyList<TextLine> lines, ModelPackage package, int generate, Action<string>? warn, Action<string>? skipped, bool firstOnly, RunProgress progress, CancellationToken cancellation)
    {
        LanguageModel model = (LanguageModel)package.Module;
        TextTokenizer tokenizer = package.PromptTokenizer!;
        return new PromptSamples(tokenizer, Usable(lines, skipped, firstOnly, Read));

        Prompt Read(TextLine line)
        {
            IReadOnlyList<long> ids = Tokenize(line);
            int room = (model.MaximumLength ?? int.MaxValue) - ids.Count;
            if (room < Math.Min(generate, 1))
                throw new InvalidInputException(line.Source, $"{line.Name} has {Counted.Of(ids.Count, "token")}, the model takes {model.MaximumLength}{(generate > 0 ? " and would add to them" : "")}; shorten it");
            int most = Math.Min(generate, room);
            return new Prompt(line, ids, most, most == 0 ? [] : Generated(line, ids.Count, most, model.Continue(ids, most, cancellation)));
        }

        IEnumerable<long> Generated(TextLine line, int length, int most, IEnumerable<long> tokens)
        {
            string doing = $"generating tokens for {line.Name}";
            int count = 0;
            long last = 0;
            progress(doing, 0, most);
            foreach (long token in tokens)
            {
                yield return last = token;
                progress(doing, ++count, most);
            }

            if (count == most && most < generate && !model.EndTokens.Contains(last))
                warn?.Invoke($"{line.Source}: {line.Name}: {count} of {generate} tokens were generated: with them the text has the {Counted.Of(length + count, "token")} that the model takes.");
        }

        IReadOnlyList<long> Tokenize(TextLine line)
        {
            try
            {
                return tokenizer.Tokenize(line.Text).Ids is { Count: > 0 } ids ? ids : throw new InvalidInputException(line.Source, $"{line.Name} is empty");
            }
            catch (InvalidInputException e) when (e.File == "text")
            {
                throw new InvalidInputException(line.Source, $"{line.Name} cannot be used: {e.Message.TrimEnd('.')}", inner: e);
            }
        }
    }

    private static List<T> Usable<T>(IReadOnlyList<TextLine> lines, Action<string>? skipped, bool firstOnly, Func<TextLine, T> read)
    {
        List<T> result = [];
        for (int k = 0; k < lines.Count && !(firstOnly && result.Count > 0); k++)
        {
            try
            {
                result.Add(read(lines[k]));
            }
            catch (InvalidInputException e) when (skipped is not null && (result.Count > 0 || k + 1 < lines.Count))
            {
                skipped(e.Message);
            }
        }

        return result;
    }
}
