using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>A network that takes token numbers, [N, T] of 64-bit integers, and answers with logits, [N, classes].</summary>
public abstract class TextClassifier : Module<Tensor, Tensor>
{
    private protected TextClassifier(string name) : base(name)
    {
    }

    /// <summary>Number of tokens that have an embedding.</summary>
    public abstract int VocabularySize { get; }

    /// <summary>Texts of one length, without padding.</summary>
    /// <param name="ids">Token numbers, [N, T].</param>
    public override Tensor forward(Tensor ids) => forward(ids, null, null);

    /// <summary>Texts that may be padded: each answers as it would alone.</summary>
    /// <param name="ids">Token numbers, [N, T].</param>
    /// <param name="attentionMask">1 for tokens and 0 for padding at the end, [N, T]; null when nothing is padded.</param>
    /// <param name="tokenTypes">Which of two texts a token belongs to, [N, T]; null when there is only one. Ignored by networks without such an embedding.</param>
    public abstract Tensor forward(Tensor ids, Tensor? attentionMask, Tensor? tokenTypes);
}
