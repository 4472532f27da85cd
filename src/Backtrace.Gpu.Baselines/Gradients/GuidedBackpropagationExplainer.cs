using Backtrace.Gpu.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// Guided backpropagation (Springenberg et al., arXiv 1412.6806): the gradient, of which each ReLU lets only the positive part pass. As Captum's GuidedBackprop, but
/// functional ReLUs count too: relu, clamp from 0, threshold at 0. Other activations keep their gradients, as in Captum. Token models: summed over the vector of
/// each token.
/// </summary>
public sealed class GuidedBackpropagationExplainer : IExplainer
{
    private readonly ExplainedModel model;
    private readonly int batch;
    private readonly bool absolute;
    private readonly GuidedRelus relus;

    /// <param name="model">A model with ReLUs.</param>
    /// <param name="batch">Most samples in one pass.</param>
    /// <param name="absolute">Absolute values: how much an entry matters, not in which direction. Captum keeps the sign.</param>
    /// <exception cref="ArgumentException">The batch has no sample.</exception>
    public GuidedBackpropagationExplainer(ExplainedModel model, int batch = 64, bool absolute = false)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        this.model = model;
        this.batch = batch;
        this.absolute = absolute;
        relus = new GuidedRelus(Name, model);
    }

    /// <inheritdoc/>
    public string Name => absolute ? "Guided Backpropagation (absolute)" : "Guided Backpropagation";

    /// <inheritdoc/>
    /// <exception cref="ExplainerException">The model has no ReLU, or one that cannot be reached.</exception>
    public Tensor Explain(Samples samples, CancellationToken cancellation = default)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor points = model.Points(samples.Input);
        int before = relus.Count;
        GradientPasses.Run(
            model, samples, 1, batch,
            pass => pass.Rows(points),
            (_, at, input, targets) => OperatorTap.Undisturbed(() => relus.Gradients(at, input, targets)),
            (pass, gradients) => pass.Rows(points).copy_(gradients.squeeze(1)),
            cancellation);
        if (relus.Count == before)
            throw new ExplainerException($"{Name}: the model has no ReLU, so this would be its gradient. Use {nameof(GradientExplainer)}.");
        return model.Attributions(absolute ? points.abs_() : points);
    }

    /// <inheritdoc/>
    public void Dispose() => relus.Dispose();
}
