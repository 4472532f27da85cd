using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>Embedding, LSTM, and a linear layer on every state: a language model, mostly of characters.</summary>
public sealed class LstmLanguageModel : LanguageModel
{
    private readonly Embedding embedding;
    private readonly LSTM lstm;
    private readonly Linear decoder;

    /// <summary>Builds the network with random weights.</summary>
    /// <param name="vocabulary">Number of tokens.</param>
    /// <param name="embedding">Width of a token.</param>
    /// <param name="hidden">Width of the state.</param>
    /// <param name="layers">LSTMs above each other.</param>
    public LstmLanguageModel(int vocabulary, int embedding, int hidden, int layers) : base(nameof(LstmLanguageModel))
    {
        VocabularySize = vocabulary;
        register_module(nameof(embedding), this.embedding = Embedding(vocabulary, embedding));
        register_module(nameof(lstm), lstm = LSTM(embedding, hidden, layers, batchFirst: true));
        register_module(nameof(decoder), decoder = Linear(hidden, vocabulary));
    }

    /// <inheritdoc/>
    public override int VocabularySize { get; }

    // The state before the first token is zero.
    private protected override Tensor States(Tensor ids) => lstm.call(embedding.call(ids)).Item1;

    private protected override Tensor Logits(Tensor states) => decoder.call(states);

    private protected override ITokenReader Reader(int length) => new StateReader(this);

    // The state after the last token stands for all tokens.
    private sealed class StateReader(LstmLanguageModel model) : ITokenReader
    {
        private (Tensor Hidden, Tensor Cell)? state;

        public Tensor Read(Tensor ids)
        {
            (Tensor states, Tensor hidden, Tensor cell) = model.lstm.call(model.embedding.call(ids), state);
            Dispose();
            state = (hidden.DetachFromDisposeScope(), cell.DetachFromDisposeScope());
            return states;
        }

        public void Dispose()
        {
            state?.Hidden.Dispose();
            state?.Cell.Dispose();
        }
    }
}
