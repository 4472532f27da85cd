using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using static TorchSharp.torch.nn.utils.rnn;

namespace Backtrace.Gpu.Models;

/// <summary>Embedding, LSTM, and a linear layer on the last state: of both directions, where it reads both ways.</summary>
public sealed class LstmClassifier : TextClassifier
{
    private readonly LstmSizes sizes;
    private readonly double dropout;
    private readonly Embedding embedding;
    private readonly LSTM lstm;
    private readonly Linear fc;

    /// <summary>Builds the network with random weights.</summary>
    /// <param name="sizes">Widths and numbers.</param>
    /// <param name="dropout">Probability of dropping a value of the embedding and of the last state while training.</param>
    /// <exception cref="ArgumentException">The sizes make no network.</exception>
    public LstmClassifier(LstmSizes sizes, double dropout = 0) : base(nameof(LstmClassifier))
    {
        if (sizes.Problem() is { } problem)
            throw new ArgumentException(problem, nameof(sizes));
        this.sizes = sizes;
        this.dropout = dropout;
        register_module(nameof(embedding), embedding = Embedding(sizes.Vocabulary, sizes.Embedding));
        register_module(nameof(lstm), lstm = LSTM(sizes.Embedding, sizes.Hidden, sizes.Layers, batchFirst: true, bidirectional: sizes.Bidirectional));
        register_module(nameof(fc), fc = Linear(sizes.Directions * sizes.Hidden, sizes.Classes));
    }

    /// <inheritdoc/>
    public override int VocabularySize => sizes.Vocabulary;

    /// <inheritdoc/>
    public override Tensor forward(Tensor ids, Tensor? attentionMask, Tensor? tokenTypes)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor words = embedding.call(ids).Drop(dropout, this);
        Tensor states = attentionMask is null ? lstm.call(words).Item2 : Packed(words, attentionMask);
        // [layers * directions, N, hidden] to [N, directions * hidden] of the last layer.
        Tensor last = states.narrow(0, states.shape[0] - sizes.Directions, sizes.Directions).transpose(0, 1).flatten(1);
        return fc.call(last.Drop(dropout, this)).MoveToOuterDisposeScope();
    }

    // Without padding, which the backward direction would otherwise read first.
    private Tensor Packed(Tensor words, Tensor attentionMask)
    {
        Tensor lengths = attentionMask.sum(1).to(ScalarType.Int64).cpu();
        using PackedSequence packed = pack_padded_sequence(words, lengths, batch_first: true, enforce_sorted: false);
        (PackedSequence outputs, Tensor states, _) = lstm.call(packed);
        outputs.Dispose();
        return states;
    }
}
