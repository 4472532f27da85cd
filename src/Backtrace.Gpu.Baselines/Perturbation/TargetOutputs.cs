using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>The explained number of perturbed inputs.</summary>
internal static class TargetOutputs
{
    /// <summary>Outputs for the class <paramref name="target"/>: [N, ...] to N numbers.</summary>
    internal static double[] Of(ExplainedModel model, Tensor inputs, long target, PerturbationOptions options, CancellationToken cancellation)
    {
        using DisposeScope scope = NewDisposeScope();
        using var quiet = no_grad();
        Tensor all = options.Output == ModelOutput.Probability
            ? model.Probabilities(inputs, options.MaximumBatch, cancellation)
            : model.ScoresInBatches(inputs, options.MaximumBatch, cancellation);
        if (target < 0 || target >= all.shape[1])
            throw new ExplainerException($"There is no class {target}: the model has {all.shape[1]} scores.");
        return all.select(1, target).to(float64).cpu().contiguous().data<double>().ToArray();
    }
}
