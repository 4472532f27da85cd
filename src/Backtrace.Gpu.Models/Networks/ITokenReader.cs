using static TorchSharp.torch;

namespace Backtrace.Gpu.Models;

/// <summary>Reads a text bit by bit, as it grows.</summary>
internal interface ITokenReader : IDisposable
{
    /// <summary>Reads the next tokens of the text: all at first, then one at a time.</summary>
    /// <param name="ids">Token ids, [1, T].</param>
    /// <returns>States that logits are computed from, [1, at least 1, width]; the last one is that of the last token.</returns>
    Tensor Read(Tensor ids);
}
