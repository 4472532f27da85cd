using Backtrace.Gpu.Models;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Tests.Golden;

/// <summary>The block that a golden case of <c>moe</c> describes.</summary>
internal static class MixtureOfExpertsCase
{
    internal static Tensor Run(Tensor x, FixtureOperators.Parameters parameters, FixtureAttributes attributes) =>
        attributes.Get("act") is null or "silu" ? Build(parameters, attributes).call(x) : WrittenOut(x, parameters, attributes);

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

    // The block of the library has one activation. Here every expert sees every token, and the gates of those that were not chosen are 0.
    private static Tensor WrittenOut(Tensor x, FixtureOperators.Parameters parameters, FixtureAttributes a)
    {
        Tensor scores = F.softmax(F.linear(Constant.Of(x), parameters("router.weight")!), -1);
        (Tensor chosen, Tensor places) = scores.topk((int)a.Integer("top_k"));
        if (a.Flag("norm_topk_prob"))
            chosen /= chosen.sum(-1, keepdim: true);
        Tensor gates = zeros_like(scores).scatter(-1, places, chosen);
        IEnumerable<Tensor> outputs = Enumerable.Range(0, (int)scores.shape[^1]).Select(e => gates.narrow(-1, e, 1) * Expert(x, e, parameters, a));
        return stack(outputs).sum([0L]);
    }

    private static Tensor Expert(Tensor x, int expert, FixtureOperators.Parameters parameters, FixtureAttributes a)
    {
        Tensor Weight(string name) => parameters($"experts.{name}.weight")!.select(0, expert);
        return F.linear(FixtureTransformers.Active(F.linear(x, Weight("gate_proj")), a) * F.linear(x, Weight("up_proj")), Weight("down_proj"));
    }
}
