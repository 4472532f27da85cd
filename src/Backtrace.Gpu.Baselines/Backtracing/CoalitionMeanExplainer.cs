using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// The mean of another explainer's attributions over coalitions of features: the input is explained with random features taken away, each in as many coalitions as
/// the others, and an entry gets the mean of what it has where it is present. One explanation says what matters while all else is there; this also says what
/// would matter if something else were gone, for the price of <see cref="CoalitionMeanOptions.Coalitions"/> explanations instead of KernelSHAP's thousands of forward
/// passes. It raises the faithfulness of relevance on tables and photos and does nothing for texts (docs/evaluation.md). Attributions do not add up to the output any more.
/// </summary>
/// <param name="inner">The explainer, such as <see cref="RelevanceMapExplainer.WithDetail"/>. Disposed with this one.</param>
/// <param name="options">Settings; defaults when null.</param>
public sealed class CoalitionMeanExplainer(IExplainer inner, CoalitionMeanOptions? options = null) : IExplainer
{
    private readonly IExplainer inner = inner ?? throw new ArgumentNullException(nameof(inner));
    private readonly CoalitionMeanOptions options = options ?? new();

    /// <inheritdoc/>
    public string Name => $"{inner.Name}, {options.Coalitions} coalitions";

    /// <inheritdoc/>
    public Tensor Explain(Samples samples, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(samples);
        return SampleBySample.Each(samples, options.Superpixels, sample => Mean(sample, cancellation));
    }

    /// <inheritdoc/>
    public void Dispose() => inner.Dispose();

    private Tensor Mean(Samples sample, CancellationToken cancellation)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor coalitions = tensor(Draw(sample.Features.Count), [options.Coalitions, sample.Features.Count]);
        Tensor taken = sample.Features.Take(sample.Input, sample.Absent, coalitions);
        Tensor isThere = sample.Features.Take(ones(1), zeros(1), coalitions);
        Tensor sum = zeros_like(isThere[0]);
        for (int begin = 0; begin < options.Coalitions; begin += options.MaximumBatch)
        {
            using DisposeScope part = NewDisposeScope();
            int count = Math.Min(options.MaximumBatch, options.Coalitions - begin);
            Samples some = sample with { Input = taken.narrow(0, begin, count).contiguous(), Targets = sample.Targets.expand(count).contiguous() };
            using Tensor explained = inner.Explain(some, cancellation); // in no scope
            sum.add_((explained.cpu() * isThere.narrow(0, begin, count)).sum([0]));
        }

        return (sum / isThere.sum([0])).unsqueeze(0).MoveToOuterDisposeScope();
    }

    /// <summary>Who is present, coalition by coalition.</summary>
    private bool[] Draw(int features)
    {
        Random random = new(options.Seed);
        bool[] present = new bool[options.Coalitions * features];
        int[] order = [.. Enumerable.Range(0, options.Coalitions)];
        for (int feature = 0; feature < features; feature++)
        {
            random.Shuffle(order);
            foreach (int coalition in order[options.Absences..])
                present[(coalition * features) + feature] = true;
        }

        return present;
    }
}
