using Backtrace.Gpu.Models;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Models;

/// <summary>Random weights of a Llama.</summary>
internal static class LlamaWeights
{
    /// <summary>Every parameter by name, most between -0.5 and 0.5, norms around 1.</summary>
    internal static Dictionary<string, Tensor> Random(LlamaConfig config, int seed)
    {
        using Llama shapes = new(config);
        Random random = new(seed);
        return shapes.state_dict().ToDictionary(p => p.Key, p =>
        {
            float centre = p.Key.EndsWith("norm.weight", StringComparison.Ordinal) ? 1 : 0;
            return tensor([.. Enumerable.Range(0, (int)p.Value.numel()).Select(_ => centre + random.NextSingle() - 0.5f)], p.Value.shape);
        });
    }
}
