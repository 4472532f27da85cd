using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>
/// A sparse feed-forward block: a router sends each token to k experts and adds up what they return, weighted by gates (rules.md, B.15).
/// Gates and choices are constants of an explanation; the slots of a token share its relevance as the operands of a sum do.
/// </summary>
/// <remarks>
/// Parameters: <c>router.weight</c> [E, I], <c>experts.gate_proj.weight</c> and <c>experts.up_proj.weight</c> [E, F, I],
/// <c>experts.down_proj.weight</c> [E, I, F]; <c>shared_expert.*</c> where there is one. Tokens are grouped by expert, so in a ledger that keeps samples
/// apart the lines inside of experts are only right in total.
/// </remarks>
public sealed class MixtureOfExperts : Module<Tensor, Tensor>
{
    private readonly MixtureOfExpertsConfig config;
    private readonly Linear router;
    private readonly ExpertBank experts;
    private readonly ExpertBank? shared;
    private readonly ExpertSlots slots = new();
    private Tensor? chosen;
    private long[] leading = [];

    /// <summary>Builds the block with random weights.</summary>
    /// <exception cref="ArgumentException">A size is not positive, or there are fewer experts than each token needs.</exception>
    public MixtureOfExperts(MixtureOfExpertsConfig config)
        : base(nameof(MixtureOfExperts))
    {
        config.Check();
        this.config = config;
        register_module("router", router = Linear(config.Width, config.Experts, hasBias: false));
        register_module("experts", experts = new ExpertBank(config.Experts, config.Width, config.ExpertWidth));
        register_module("slots", slots);
        if (config.SharedWidth > 0)
            register_module("shared_expert", shared = new ExpertBank(1, config.Width, config.SharedWidth));
    }

    /// <summary>
    /// Name of the layer whose relevance tells what each expert contributed, below the name of this block: ask for it in
    /// <see cref="BacktracerOptions.Layers"/> and give the result to <see cref="ExpertScores"/>.
    /// </summary>
    public static string SlotLayer => "slots";

    /// <summary>Maps [..., width] to [..., width].</summary>
    public override Tensor forward(Tensor input)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor tokens = input.reshape(-1, config.Width);
        (Tensor gates, Tensor places) = Route(tokens);
        Remember(places, input.shape[..^1]);

        Tensor contributions = slots.call(RunExperts(tokens, places), gates);
        if (shared is not null)
            contributions = cat([contributions, shared.call(tokens, 0).unsqueeze(1)], 1); // one sum: a sum of sums would share otherwise
        return contributions.sum(1).reshape(input.shape).MoveToOuterDisposeScope();
    }

    /// <summary>Relevance per token and expert in the last forward pass: 0 where a token did not pass an expert.</summary>
    /// <param name="slotRelevance">Relevance of the layer <see cref="SlotLayer"/>, [tokens, k, width].</param>
    /// <returns>[..., experts], the leading axes those of the input. The caller's.</returns>
    /// <exception cref="InvalidOperationException">There was no forward pass.</exception>
    /// <exception cref="ArgumentException">The relevance is not of the last forward pass: its shape differs.</exception>
    public Tensor ExpertScores(Tensor slotRelevance)
    {
        if (chosen is null)
            throw new InvalidOperationException("The mixture of experts has not run: there are no choices to score.");
        if (!slotRelevance.shape.SequenceEqual([.. chosen.shape, config.Width]))
            throw new ArgumentException($"Relevance of [{string.Join(", ", slotRelevance.shape)}] is not that of the {chosen.shape[0]} tokens of the last forward pass.", nameof(slotRelevance));
        using DisposeScope scope = NewDisposeScope();
        using var quiet = no_grad();
        return zeros(chosen.shape[0], config.Experts).scatter_add(1, chosen.cpu(), slotRelevance.sum(-1))
            .reshape([.. leading, config.Experts]).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            chosen?.Dispose();
        base.Dispose(disposing);
    }

    // Gates [tokens, k] and the numbers of the experts. The router reads a constant: which way a token takes is not explained.
    private (Tensor Gates, Tensor Places) Route(Tensor tokens)
    {
        (Tensor gates, Tensor places) = functional.softmax(router.call(Constant.Of(tokens)), -1).topk(config.TopK);
        return (config.NormaliseGates ? gates / gates.sum(-1, keepdim: true) : gates, places);
    }

    // Every expert sees its tokens at once; its outputs go back to their slots, [tokens, k, width].
    private Tensor RunExperts(Tensor tokens, Tensor places)
    {
        Tensor flat = places.flatten();
        long slotCount = flat.numel();
        Tensor order = (flat * slotCount + arange(slotCount, device: flat.device)).argsort(); // by expert, then by token
        long[] counts = [.. flat.bincount(weights: null, minlength: config.Experts).cpu().data<long>()];
        int[] busy = [.. Enumerable.Range(0, config.Experts).Where(e => counts[e] > 0)];
        Tensor grouped = tokens.index_select(0, order.div(config.TopK, RoundingMode.floor));
        Tensor[] groups = grouped.split([.. busy.Select(e => counts[e])]);
        Tensor[] outputs = [.. busy.Select((e, k) => experts.call(groups[k], e))];
        return cat(outputs).index_select(0, order.argsort()).reshape(-1, config.TopK, config.Width);
    }

    private void Remember(Tensor places, long[] shape)
    {
        chosen?.Dispose();
        chosen = places.detach().clone().DetachFromDisposeScope();
        leading = shape;
    }
}
