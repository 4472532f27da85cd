using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// A method that says how much each entry of an input counted for a model's score of a class: Backtrace and all that it is compared with. The same call gives
/// the same numbers: random methods draw from a seed of their own, anew in each call.
/// </summary>
public interface IExplainer : IDisposable
{
    /// <summary>Short name for tables, such as "Integrated Gradients (50)".</summary>
    string Name { get; }

    /// <summary>Attributions of the entries of <see cref="Samples.Input"/> to the scores of <see cref="Samples.Targets"/>.</summary>
    /// <returns>fp32, shaped like the input: [N, ...]; for token models one number per token, [N, T]. The caller's.</returns>
    /// <exception cref="ExplainerException">The method cannot explain this model or input; says why.</exception>
    Tensor Explain(Samples samples, CancellationToken cancellation = default);
}
