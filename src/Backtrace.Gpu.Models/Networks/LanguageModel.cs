using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>A network that predicts the next token: it maps ids [N, T] to logits [N, T, vocabulary], position t for the token after t.</summary>
public abstract class LanguageModel : Module<Tensor, Tensor>
{
    private protected LanguageModel(string name) : base(name)
    {
    }

    /// <summary>Number of tokens.</summary>
    public abstract int VocabularySize { get; }

    /// <summary>Most tokens of one input; null when there is no limit.</summary>
    public virtual int? MaximumLength => null;

    /// <summary>Tokens that end a text.</summary>
    public virtual IReadOnlyList<long> EndTokens => [];

    /// <summary>Why <see cref="Generate"/> would not continue texts as the model's folder asks for; null if it does.</summary>
    private protected virtual string? GenerationProblem => null;

    /// <summary>
    /// Logits of the last positions only, [N, count, vocabulary]. Those of all positions of a long text can take more memory than all else; the states that they are computed from are the same.
    /// </summary>
    /// <param name="ids">Token ids, [N, T].</param>
    /// <param name="count">Number of positions, 1 to T.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are not so many positions.</exception>
    public Tensor LastLogits(Tensor ids, int count)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor states = States(ids);
        long length = states.shape[1];
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, length);
        return Logits(states.narrow(1, length - count, count)).MoveToOuterDisposeScope();
    }

    /// <summary>Maps token ids [N, T] to logits [N, T, vocabulary]: position t holds the logits of the token after t.</summary>
    public override Tensor forward(Tensor ids)
    {
        using DisposeScope scope = NewDisposeScope();
        return Logits(States(ids)).MoveToOuterDisposeScope();
    }

    /// <summary>The states that logits are computed from, position by position: [N, T, width].</summary>
    private protected abstract Tensor States(Tensor ids);

    /// <summary>The last layer.</summary>
    private protected abstract Tensor Logits(Tensor states);

    /// <summary>What reads the tokens of a text that is continued. A model that can read on from what it has read gives one that does.</summary>
    /// <param name="length">Most tokens that it is given.</param>
    private protected virtual ITokenReader Reader(int length) => new WholeTextReader(States);

    /// <summary>Continues a text by the most likely token, again and again.</summary>
    /// <param name="prompt">At least one token id.</param>
    /// <param name="count">Most tokens to add; fewer when the text ends or reaches <see cref="MaximumLength"/>.</param>
    /// <param name="cancellation">Stops between tokens.</param>
    /// <returns>The added tokens, an end token included.</returns>
    /// <exception cref="ArgumentException">The prompt is empty.</exception>
    /// <exception cref="ModelException">The folder of the model asks for other tokens than the most likely ones, as by a repetition penalty.</exception>
    public IReadOnlyList<long> Generate(IReadOnlyList<long> prompt, int count, CancellationToken cancellation = default) => [.. Continue(prompt, count, cancellation)];

    /// <summary>As <see cref="Generate"/>, but each token is there as soon as it is known: it is computed when it is asked for.</summary>
    /// <inheritdoc cref="Generate"/>
    public IEnumerable<long> Continue(IReadOnlyList<long> prompt, int count, CancellationToken cancellation = default)
    {
        if (prompt.Count == 0)
            throw new ArgumentException("A prompt needs at least one token.", nameof(prompt));
        if (GenerationProblem is { } problem)
            throw new ModelException(problem);
        return Added([.. prompt], (int)Math.Min((long)prompt.Count + count, MaximumLength ?? int.MaxValue), cancellation);
    }

    // Memory and gradient mode are the caller's between tokens.
    private IEnumerable<long> Added(long[] unread, int length, CancellationToken cancellation)
    {
        using ITokenReader reader = Reader(length);
        for (int known = unread.Length; known < length; known++)
        {
            cancellation.ThrowIfCancellationRequested();
            long token = Next(reader, unread);
            yield return token;
            if (EndTokens.Contains(token))
                break;
            unread = [token];
        }
    }

    private long Next(ITokenReader reader, long[] unread)
    {
        using IDisposable inference = no_grad();
        using DisposeScope scope = NewDisposeScope();
        Tensor states = reader.Read(tensor(unread, [1, unread.Length]));
        return Logits(states.narrow(1, states.shape[1] - 1, 1))[0, -1].argmax().ToInt64();
    }
}
