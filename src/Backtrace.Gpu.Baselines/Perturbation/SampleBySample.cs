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
        using DisposeScope scope = NewDisposeScope();
        using var quiet = no_grad();
        List<Tensor> rows = [];
        for (long i = 0; i < samples.Count; i++)
        {
            using DisposeScope part = NewDisposeScope();
            using Samples one = samples.One(i);
            using Features? own = superpixels?.Invoke(one.Input[0]);
            if (own is not null && !own.Shape.SequenceEqual(one.Input.shape.Skip(1)))
                throw new ExplainerException($"Superpixels are shaped [{string.Join(", ", own.Shape)}], samples [{string.Join(", ", one.Input.shape[1..])}].");
            Samples seen = own is null ? one : one with { Features = own };
            float[] values = Array.ConvertAll(perFeature(seen), v => (float)v);
            rows.Add(seen.Features.Spread(tensor(values).unsqueeze(0)).MoveToOuterDisposeScope());
        }

        return cat(rows).to(samples.Input.device).DetachFromDisposeScope();
    }
}
