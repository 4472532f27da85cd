using Backtrace.Gpu.Baselines;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines;

/// <summary>Samples for methods that only need an input and a class.</summary>
internal static class Explaining
{
    /// <summary>Samples that own <paramref name="input"/>; all are explained for one class, and <see cref="Samples.Features"/> is not looked at.</summary>
    internal static Samples Samples(Tensor input, long target, Features features) =>
        new(input, full([input.shape[0]], target, int64), zeros_like(input.narrow(0, 0, 1)), features);

    /// <summary>Attributions as numbers.</summary>
    internal static float[] Explain(IExplainer explainer, Tensor input, long target = 0)
    {
        using Features features = Features.Each(input.shape[1..]);
        using Samples samples = Samples(input.alias(), target, features);
        using (explainer)
        {
            using Tensor result = explainer.Explain(samples);
            Assert.That(result.shape, Is.EqualTo(input.shape));
            return result.contiguous().data<float>().ToArray();
        }
    }
}
