using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>The loop of methods that need many perturbed inputs for each sample.</summary>
internal static class SampleBySample
{
    /// <summary>Attributions of entries from those of features.</summary>
    /// <param name="samples">What is explained.</param>
    /// <param name="superpixels">Makes the features of a sample; null takes those of <paramref name="samples"/>.</param>
    /// <param name="perFeature">From one sample, [1, ...], to a number for each of its features.</param>
    /// <returns>[N, ...].</returns>
    internal static Tensor Explain(Samples samples, Func<Tensor, Features>? superpixels, Func<Samples, double[]> perFeature)
    {
        using var quiet = no_grad();
        return Each(samples, superpixels, sample =>
        {
            using Tensor values = tensor(Array.ConvertAll(perFeature(sample), v => (float)v)).unsqueeze(0);
            return sample.Features.Spread(values);
        });
    }

    /// <summary>Attributions of entries, sample by sample.</summary>
    /// <param name="samples">What is explained.</param>
    /// <param name="superpixels">As above.</param>
    /// <param name="perEntry">From one sample, [1, ...], to numbers of its shape.</param>
    /// <returns>[N, ...].</returns>
    internal static Tensor Each(Samples samples, Func<Tensor, Features>? superpixels, Func<Samples, Tensor> perEntry)
    {
        using DisposeScope scope = NewDisposeScope();
        List<Tensor> rows = [];
        for (long i = 0; i < samples.Count; i++)
        {
            using DisposeScope part = NewDisposeScope();
            using Samples one = samples.One(i);
            using Features? own = superpixels?.Invoke(one.Input[0]);
            if (own is not null && !own.Shape.SequenceEqual(one.Input.shape.Skip(1)))
                throw new ExplainerException($"Superpixels are shaped [{string.Join(", ", own.Shape)}], samples [{string.Join(", ", one.Input.shape[1..])}].");
            rows.Add(perEntry(own is null ? one : one with { Features = own }).MoveToOuterDisposeScope());
        }

        return cat(rows).to(samples.Input.device).DetachFromDisposeScope();
    }
}
