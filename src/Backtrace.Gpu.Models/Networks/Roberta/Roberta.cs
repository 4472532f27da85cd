using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>
/// RoBERTa with a classifier: BERT's encoder with places that count from the padding token's number on, no pooler, and a classifier of two linear layers with
/// tanh between them on the first token. Parameters are named as by Hugging Face's RobertaForSequenceClassification; <see cref="StateDict"/> loads them.
/// <see cref="BytePairTokenizer"/> makes its input.
/// </summary>
public sealed class Roberta : TextClassifier, IDerivedWeights
{
    private readonly BertConfig config;
    private readonly RobertaBody roberta;
    private readonly RobertaHead classifier;

    /// <summary>Builds the network with random weights.</summary>
    /// <exception cref="ArgumentException">The sizes make no network, or not a RoBERTa.</exception>
    public Roberta(BertConfig config) : base(nameof(Roberta))
    {
        if (config.Problem("roberta") is { } problem)
            throw new ArgumentException(problem, nameof(config));
        this.config = config;
        register_module(nameof(roberta), roberta = new RobertaBody(config));
        register_module(nameof(classifier), classifier = new RobertaHead(config));
    }

    /// <inheritdoc/>
    public override int VocabularySize => config.VocabSize;

    /// <summary>Most tokens of one text.</summary>
    public int MaximumLength => config.MaxPositionEmbeddings - config.Padding - 1;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">More tokens than there are places.</exception>
    public override Tensor forward(Tensor ids, Tensor? attentionMask, Tensor? tokenTypes)
    {
        if (ids.shape[^1] > MaximumLength)
            throw new ArgumentException($"{ids.shape[^1]} tokens are more than the {MaximumLength} that this RoBERTa has places for.", nameof(ids));
        using DisposeScope scope = NewDisposeScope();
        return classifier.call(roberta.call(ids, attentionMask, tokenTypes).select(1, 0)).MoveToOuterDisposeScope();
    }

    // The numbers of the places, which older files hold.
    bool IDerivedWeights.IsDerived(string tensor) => tensor == "roberta.embeddings.position_ids";
}
