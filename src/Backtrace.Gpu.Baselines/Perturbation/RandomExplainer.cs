using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// Attributions that know nothing of the model: what every other method should beat. One number is drawn for each feature and parted among its entries, so
/// that large features are not favoured.
/// </summary>
/// <param name="seed">Seed of the numbers. Each input has numbers of its own, which depend on nothing but it and the seed.</param>
/// <param name="distribution">What they are drawn from.</param>
public sealed class RandomExplainer(int seed = 1, RandomDistribution distribution = RandomDistribution.Uniform) : IExplainer
{
    /// <inheritdoc/>
    public string Name => "Random";

    /// <inheritdoc/>
    public Tensor Explain(Samples samples, CancellationToken cancellation = default)
    {
        cancellation.ThrowIfCancellationRequested();
        using DisposeScope scope = NewDisposeScope();
        List<Tensor> rows = [];
        for (long i = 0; i < samples.Count; i++)
        {
            using Generator generator = new(Seeds.Of(seed, samples.Input[i]));
            long[] shape = [1, samples.Features.Count];
            rows.Add(distribution == RandomDistribution.Uniform ? rand(shape, generator: generator) : randn(shape, generator: generator));
        }

        return samples.Features.Spread(cat(rows)).to(samples.Input.device).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
