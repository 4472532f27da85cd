using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>An output layer without weights of its own: a token's logit is the product with its embedding.</summary>
internal sealed class TiedHead(Func<Tensor> embeddings) : Module<Tensor, Tensor>(nameof(TiedHead))
{
    public override Tensor forward(Tensor input)
    {
        using DisposeScope scope = NewDisposeScope();
        return functional.linear(input, embeddings()).MoveToOuterDisposeScope();
    }
}
