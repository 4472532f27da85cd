using TorchSharp;
using TorchSharp.Utils;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>Llama 2 and 3 language models, with the parameter names of Hugging Face. The parameters have no memory before they are loaded.</summary>
public sealed class Llama : LanguageModel, IDerivedWeights
{
    private const string Head = "lm_head.weight";

    private readonly LlamaBody model;

    [ComponentName(Name = "lm_head")]
    private readonly Module<Tensor, Tensor> head;

    /// <summary>Builds the network without weights; <see cref="StateDict"/> fills it.</summary>
    /// <exception cref="ArgumentException">The configuration describes no network.</exception>
    public Llama(LlamaConfig config) : base(nameof(Llama))
    {
        if (config.Problem() is { } problem)
            throw new ArgumentException(problem, nameof(config));
        Config = config;
        model = new LlamaBody(config);
        head = config.IsTied ? new TiedHead(() => model.EmbeddingWeight) : Linear(config.HiddenSize, config.VocabularySize, hasBias: false, device: META);
        RegisterComponents();
    }

    /// <summary>The network's shape.</summary>
    public LlamaConfig Config { get; }

    /// <inheritdoc/>
    public override int VocabularySize => Config.VocabularySize;

    /// <inheritdoc/>
    public override int? MaximumLength => Config.MaximumLength;

    /// <inheritdoc/>
    public override IReadOnlyList<long> EndTokens => Config.EndTokens;

    private protected override string? GenerationProblem => Config.GenerationProblem;

    // No ids, or more than the model can read, are an ArgumentException.
    private protected override Tensor States(Tensor ids)
    {
        if (ids.dim() != 2 || ids.shape[1] < 1 || ids.shape[1] > Config.MaximumLength)
            throw new ArgumentException($"ids of shape [{string.Join(", ", ids.shape)}] were given; [N, T] with T from 1 to {Config.MaximumLength} is needed.", nameof(ids));
        return model.call(ids);
    }

    private protected override Tensor Logits(Tensor states) => head.call(states);

    private protected override ITokenReader Reader(int length) => new LlamaReader(model, length);

    bool IDerivedWeights.IsDerived(string tensor) =>
        tensor.EndsWith(".rotary_emb.inv_freq", StringComparison.Ordinal) || Config.IsTied && tensor == Head;

    string? IDerivedWeights.Twin(string tensor) => tensor == Head ? "model.embed_tokens.weight" : null;
}
