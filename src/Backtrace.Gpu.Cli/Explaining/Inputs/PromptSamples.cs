using Backtrace.Gpu.Kernels;
using Backtrace.Gpu.Models;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Prompts of a language model. Each token to be explained is an input of its own: the next one, or those that were generated.</summary>
internal sealed class PromptSamples : TokenSamples
{
    private readonly TextTokenizer tokenizer;

    internal PromptSamples(TextTokenizer tokenizer, IReadOnlyList<Prompt> prompts)
    {
        this.tokenizer = tokenizer;
        Steps = [.. prompts.SelectMany(StepsOf)];
        HasGenerated = prompts.Any(prompt => prompt.Generated.Count > 0);
    }

    /// <summary>The explained tokens, prompt by prompt.</summary>
    internal IReadOnlyList<PromptStep> Steps { get; }

    /// <summary>True when the explained tokens are those that the model generated.</summary>
    internal bool HasGenerated { get; }

    internal override int Count => Steps.Count;

    internal override string Name(int n) => HasGenerated ? $"{Line(n).Name}, token {Steps[n].Position + 2 - Steps[n].Prompt.Ids.Count}" : Line(n).Name;

    internal override TextLine Line(int n) => Steps[n].Prompt.Line;

    /// <summary>What stands before the explained token.</summary>
    internal override IReadOnlyList<Piece> Pieces(int n) => [.. Steps[n].Prompt.All.Take(Steps[n].Position + 1).Select(PieceOf)];

    /// <summary>A prompt and what was added to it, in one line.</summary>
    internal string Text(Prompt prompt) => tokenizer.Decode(prompt.All.Where(tokenizer.Knows)).Trim().ReplaceLineEndings(" \u21b5 ");

    /// <summary>What the model generated for prompts whose tokens from a place on were not explained, for people who would otherwise have waited in vain.</summary>
    internal IEnumerable<string> Unexplained(int from) => Steps.Skip(from).Where(step => step.Token is not null).Select(step => step.Prompt).Distinct()
        .Select(prompt => $"{prompt.Line.Source}: {prompt.Line.Name}: not all of what was generated was explained. {Counted.Of(prompt.Generated.Count, "token")}: \"{tokenizer.Decode(prompt.Generated.Where(tokenizer.Knows))}\"");

    internal override string ClassName(int k, ModelDescription model) => PieceOf(k).Text;

    internal Piece PieceOf(long id) => Piece.OfText(id, Piece.TextOfChoice(id, tokenizer));

    // Each token of a pass has relevance of its own at every layer.
    internal override int UsualBatch => 16;

    /// <summary>Tokens of one prompt share a pass.</summary>
    internal override int Together(int first, int most) => SameSize(first, most, n => Steps[n].Prompt);

    /// <summary>A prompt of which tokens are left is explained from its first one again.</summary>
    internal override int RowAfter(int place) => Row(place);

    /// <summary>Each pass reads its prompt from the beginning; the last one reads all of it.</summary>
    internal override bool IsReadAgain(int first, int count) => first + count < Count && Steps[first + count].Prompt == Steps[first].Prompt;

    internal override Tensor Batch(int first, int count)
    {
        long[] ids = [.. Steps[first].Prompt.All.Take(Steps[first + count - 1].Position + 1)];
        return tensor(ids, [1, ids.Length]);
    }

    /// <summary>How many positions at the end of a pass's text are explained.</summary>
    internal int Answered(int first, int count) => Steps[first + count - 1].Position - Steps[first].Position + 1;

    /// <summary>Of the logits, those that the explained token was chosen by: [1, 1, vocabulary].</summary>
    internal override void Save(Explanation explanation, int first, string path)
    {
        long begin = explanation.Streams[0].Input.shape[1] - explanation.Prediction.shape[1];
        using Tensor logits = explanation.Prediction.narrow(1, Steps[first].Position - begin, 1), row = logits.contiguous();
        explanation.Save(path, row);
    }

    private static IEnumerable<PromptStep> StepsOf(Prompt prompt) => prompt.Generated.Count == 0
        ? [new PromptStep(prompt, prompt.Ids.Count - 1, null)]
        : prompt.Generated.Select((id, k) => new PromptStep(prompt, prompt.Ids.Count - 1 + k, (int)id));
}

/// <summary>A prompt and what the model added to it.</summary>
internal sealed class Prompt(TextLine line, IReadOnlyList<long> ids, IReadOnlyList<long> generated)
{
    internal TextLine Line => line;

    internal IReadOnlyList<long> Ids => ids;

    internal IReadOnlyList<long> Generated => generated;

    internal IEnumerable<long> All => ids.Concat(generated);
}

/// <summary>One token to be explained.</summary>
/// <param name="Prompt">Its prompt.</param>
/// <param name="Position">Position of the token before it.</param>
/// <param name="Token">The token; null for the one that the target names.</param>
internal sealed record PromptStep(Prompt Prompt, int Position, int? Token);
