using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Tests.Baselines;

/// <summary>
/// Layers of attention over two tokens of width 1 whose weights do not depend on them: a query of ln 3 weighs the tokens 3/4 and 1/4, a query of 0 evenly.
/// </summary>
/// <param name="queries">The two queries of each layer.</param>
internal sealed class FixedAttention(params double[][] queries) : Module<Tensor, Tensor>(nameof(FixedAttention))
{
    public override Tensor forward(Tensor x)
    {
        using Tensor keys = tensor(new float[] { 1, 0 }).view(1, 1, 2, 1).expand(x.shape[0], 1, 2, 1);
        x = x.unsqueeze(1);
        foreach (double[] layer in queries)
            x = x + functional.scaled_dot_product_attention(tensor(layer, float32).view(1, 1, 2, 1).expand(x.shape[0], 1, 2, 1), keys, x);
        return x.squeeze(1).select(1, 0);
    }
}
