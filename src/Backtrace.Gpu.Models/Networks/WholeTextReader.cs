using static TorchSharp.torch;

namespace Backtrace.Gpu.Models;

/// <summary>Reads the whole text again for each token, for models that keep nothing of what they have read.</summary>
internal sealed class WholeTextReader(Func<Tensor, Tensor> states) : ITokenReader
{
    private Tensor? text;

    public Tensor Read(Tensor ids)
    {
        Tensor longer = (text is null ? ids.alias() : cat([text, ids], 1)).DetachFromDisposeScope();
        text?.Dispose();
        text = longer;
        return states(text);
    }

    public void Dispose() => text?.Dispose();
}
