using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>
/// DistilBERT with a classifier: a smaller BERT without token types and pooler, whose first token passes a linear layer and ReLU before the classifier.
/// Parameters are named as by Hugging Face's DistilBertForSequenceClassification.
/// </summary>
public sealed class DistilBert : TextClassifier, IDerivedWeights
{
    private readonly DistilBertConfig config;
    private readonly DistilBertBody distilbert;
    private readonly Module<Tensor, Tensor> pre_classifier, classifier;

    /// <summary>Builds the network with random weights.</summary>
    /// <exception cref="ArgumentException">The sizes make no network.</exception>
    public DistilBert(DistilBertConfig config) : base(nameof(DistilBert))
    {
        if (config.Problem() is { } problem)
            throw new ArgumentException(problem, nameof(config));
        this.config = config;
        register_module(nameof(distilbert), distilbert = new DistilBertBody(config));
        register_module(nameof(pre_classifier), pre_classifier = Linear(config.Dim, config.Dim));
        register_module(nameof(classifier), classifier = Linear(config.Dim, config.Classes));
    }

    /// <inheritdoc/>
    public override int VocabularySize => config.VocabSize;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">More tokens than there are places.</exception>
    public override Tensor forward(Tensor ids, Tensor? attentionMask, Tensor? tokenTypes)
    {
        if (ids.shape[^1] > config.MaxPositionEmbeddings)
            throw new ArgumentException($"{ids.shape[^1]} tokens are more than the {config.MaxPositionEmbeddings} that this DistilBERT has places for.", nameof(ids));
        using DisposeScope scope = NewDisposeScope();
        Tensor first = distilbert.call(ids, attentionMask).select(1, 0);
        return classifier.call(functional.relu(pre_classifier.call(first)).Drop(config.SeqClassifDropout, this)).MoveToOuterDisposeScope();
    }

    // The numbers 0 to T-1, which older files hold.
    bool IDerivedWeights.IsDerived(string tensor) => tensor == "distilbert.embeddings.position_ids";
}
