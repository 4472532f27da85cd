using Backtrace.Gpu.Kernels;
using Backtrace.Gpu.Models;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>
/// Prompts of a language model. Each token to be explained is an input of its own: the next one, or those that are generated. A prompt's tokens are generated when its first pass
/// comes, so that those of the prompts before it are explained by then.
/// </summary>
internal sealed class PromptSamples : TokenSamples
{
    private readonly TextTokenizer tokenizer;
    private readonly IReadOnlyList<Prompt> prompts;
    private readonly List<PromptStep> steps = [];
    // Prompts whose tokens stand in the list.
    private int ready;

    internal PromptSamples(TextTokenizer tokenizer, IReadOnlyList<Prompt> prompts)
    {
        this.tokenizer = tokenizer;
        this.prompts = prompts;
        HasGenerated = prompts.Any(prompt => !prompt.IsWhole || prompt.Generated.Count > 0);
        while (ready < prompts.Count && prompts[ready].IsWhole)
            AddSteps();
    }

    /// <summary>The explained tokens, prompt by prompt, as far as they are generated.</summary>
    internal IReadOnlyList<PromptStep> Steps => steps;

    /// <summary>True when the explained tokens are those that the model generates.</summary>
    internal bool HasGenerated { get; }

    internal override int Count => (int)Math.Min(int.MaxValue, steps.Count + prompts.Skip(ready).Sum(prompt => (long)prompt.Count));

    internal override void Prepare(int first)
    {
        while (steps.Count <= first && ready < prompts.Count)
        {
            prompts[ready].Complete();
            AddSteps();
        }
    }

    internal override string Name(int n) => HasGenerated ? $"{Line(n).Name}, token {Steps[n].Position + 2 - Steps[n].Prompt.Ids.Count}" : Line(n).Name;

    internal override TextLine Line(int n) => Steps[n].Prompt.Line;

    /// <summary>What stands before the explained token.</summary>
    internal override IReadOnlyList<Piece> Pieces(int n) => [.. Steps[n].Prompt.All.Take(Steps[n].Position + 1).Select(PieceOf)];

    /// <summary>A prompt and what was added to it, in one line.</summary>
    internal string Text(Prompt prompt) => tokenizer.Decode(prompt.All.Where(tokenizer.Knows)).Trim().ReplaceLineEndings(" \u21b5 ");

    /// <summary>What the model generated for prompts whose tokens from a place on were not explained, for people who would otherwise have waited in vain.</summary>
    internal IEnumerable<string> Unexplained(int from) => steps.Skip(from).Select(step => step.Prompt).Distinct().Concat(prompts.Skip(ready)).Where(prompt => prompt.Generated.Count > 0)
        .Select(prompt => $"{prompt.Line.Source}: {prompt.Line.Name}: not all of what was generated was explained. {Counted.Of(prompt.Generated.Count, "token")}: \"{tokenizer.Decode(prompt.Generated.Where(tokenizer.Knows))}\"");

    internal override string ClassName(int k, ModelDescription model) => PieceOf(k).Text;

    internal Piece PieceOf(long id) => Piece.OfText(id, Piece.TextOfChoice(id, tokenizer));

    // Each token of a pass has relevance of its own at every layer.
    internal override int UsualBatch => 16;

    /// <summary>Tokens of one prompt share a pass.</summary>
    internal override int Together(int first, int most) => SameSize(first, Math.Min(most, steps.Count - first), n => Steps[n].Prompt);

    internal override int Passes(int most) => prompts.Sum(prompt => (int)(((long)prompt.Count + most - 1) / most));

    /// <summary>A prompt of which tokens are left is explained from its first one again.</summary>
    internal override int RowAfter(int place) => (place < steps.Count ? Line(place) : prompts[ready].Line).Number - 1;

    /// <summary>Each pass reads its prompt from the beginning; the last one reads all of it.</summary>
    internal override bool IsReadAgain(int first, int count) => first + count < steps.Count && Steps[first + count].Prompt == Steps[first].Prompt;

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

    private void AddSteps()
    {
        Prompt prompt = prompts[ready++];
        if (prompt.Generated.Count == 0)
            steps.Add(new PromptStep(prompt, prompt.Ids.Count - 1, null));
        else
            steps.AddRange(prompt.Generated.Select((id, k) => new PromptStep(prompt, prompt.Ids.Count - 1 + k, (int)id)));
    }
}

/// <summary>One token to be explained.</summary>
/// <param name="Prompt">Its prompt.</param>
/// <param name="Position">Position of the token before it.</param>
/// <param name="Token">The token; null for the one that the target names.</param>
internal sealed record PromptStep(Prompt Prompt, int Position, int? Token);
