using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>What methods share that take whole features away.</summary>
public abstract record CoalitionOptions : PerturbationOptions
{
    /// <summary>
    /// Makes the features of an image, [C, H, W], such as <see cref="SlicSuperpixels.Of"/>: a new object for each sample, which the explainer disposes.
    /// Null: <see cref="Samples.Features"/>.
    /// </summary>
    public Func<Tensor, Features>? Superpixels { get; init; }
}
