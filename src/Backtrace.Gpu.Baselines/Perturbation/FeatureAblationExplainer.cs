using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// What the output loses when one feature is replaced by <see cref="Samples.Absent"/>: Captum's FeatureAblation, with <see cref="Samples.Features"/> as its
/// feature mask. Captum gives each entry the whole loss; here the entries of a feature share it, so that sums over features are the losses.
/// </summary>
/// <param name="model">The model.</param>
/// <param name="options">Settings; defaults when null.</param>
public sealed class FeatureAblationExplainer(ExplainedModel model, FeatureAblationOptions? options = null) : IExplainer
{
    private readonly FeatureAblationOptions options = options ?? new();

    /// <inheritdoc/>
    public string Name => "Feature ablation";

    /// <inheritdoc/>
    public Tensor Explain(Samples samples, CancellationToken cancellation = default) =>
        SampleBySample.Explain(samples, options.Superpixels, sample => Losses(new CoalitionGame(model, sample, options), cancellation));

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private double[] Losses(CoalitionGame game, CancellationToken cancellation)
    {
        double all = game.Ends(cancellation).All;
        List<double> losses = [];
        for (long begin = 0; begin < game.Players; begin += options.MaximumBatch)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor ablated = arange(begin, Math.Min(begin + options.MaximumBatch, game.Players), int64);
            losses.AddRange(game.Values(ablated.unsqueeze(1).ne(arange(game.Players, int64)), cancellation).Select(value => all - value));
        }

        return game.ToFeatures([.. losses]);
    }
}
