using Backtrace.Gpu.Models;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Golden;

/// <summary>The block that a golden case of <c>moe</c> describes.</summary>
internal static class MixtureOfExpertsCase
{
    internal static MixtureOfExperts Build(FixtureOperators.Parameters parameters, FixtureAttributes attributes)
    {
        long[] sizes = parameters("experts.gate_proj.weight")!.shape; // [experts, inner width, width]
        MixtureOfExperts block = new(new MixtureOfExpertsConfig((int)sizes[2], (int)sizes[1], (int)sizes[0], (int)attributes.Integer("top_k"))
        {
            NormaliseGates = attributes.Flag("norm_topk_prob"),
        });
        using var quiet = no_grad();
        foreach ((string name, var parameter) in block.named_parameters(true))
            parameter.copy_(parameters(name)!);
        return block;
    }
}
