using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>
/// BERT with a classifier on the pooled first token; layer normalisation after each addition. Parameters are named as by Hugging Face's
/// BertForSequenceClassification.
/// </summary>
public sealed class Bert : TextClassifier, IDerivedWeights
{
    private readonly BertConfig config;
    private readonly BertBody bert;
    private readonly Module<Tensor, Tensor> classifier;

    /// <summary>Builds the network with random weights.</summary>
    /// <exception cref="ArgumentException">The sizes make no network.</exception>
    public Bert(BertConfig config) : base(nameof(Bert))
    {
        if (config.Problem() is { } problem)
            throw new ArgumentException(problem, nameof(config));
        this.config = config;
        register_module(nameof(bert), bert = new BertBody(config));
        register_module(nameof(classifier), classifier = Linear(config.HiddenSize, config.Classes));
    }

    /// <inheritdoc/>
    public override int VocabularySize => config.VocabSize;

    /// <inheritdoc/>
    public override Tensor forward(Tensor ids, Tensor? attentionMask, Tensor? tokenTypes) => forward(ids, attentionMask, tokenTypes, null);

    /// <inheritdoc cref="forward(Tensor, Tensor?, Tensor?)"/>
    /// <param name="ids">Token numbers, [N, T].</param>
    /// <param name="attentionMask">1 for tokens and 0 for padding, [N, T]; null when nothing is padded.</param>
    /// <param name="tokenTypes">Which of two texts a token belongs to, [N, T]; null when there is only one.</param>
    /// <param name="positions">Place of each token, [N, T] or [T]; 0 to T-1 when null.</param>
    /// <exception cref="ArgumentException">More tokens than there are places.</exception>
    public Tensor forward(Tensor ids, Tensor? attentionMask, Tensor? tokenTypes, Tensor? positions)
    {
        if (ids.shape[^1] > config.MaxPositionEmbeddings)
            throw new ArgumentException($"{ids.shape[^1]} tokens are more than the {config.MaxPositionEmbeddings} that this BERT has places for.", nameof(ids));
        using DisposeScope scope = NewDisposeScope();
        Tensor pooled = bert.call(ids, attentionMask, tokenTypes, positions);
        return classifier.call(pooled.Drop(config.HiddenDropoutProb, this)).MoveToOuterDisposeScope();
    }

    // The numbers 0 to T-1, which older files hold.
    bool IDerivedWeights.IsDerived(string tensor) => tensor == "bert.embeddings.position_ids";
}
