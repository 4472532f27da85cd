using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>Baselines as points that gradients are taken of, and the check of methods whose attributions add up to a difference of scores.</summary>
internal static class BaselinePoints
{
    /// <summary>The baseline of each sample: [N, ...] or [N, T, width].</summary>
    public static Tensor Of(ExplainedModel model, Samples samples, Baseline baseline)
    {
        using DisposeScope scope = NewDisposeScope();
        using var quiet = no_grad();
        if (baseline == Baseline.Zero)
        {
            Tensor points = model.Points(samples.Input);
            return zeros_like(points).MoveToOuterDisposeScope();
        }

        Tensor none = zeros([samples.Count, samples.Features.Count], ScalarType.Bool, samples.Input.device);
        return model.Points(samples.Features.Take(samples.Input, samples.Absent, none)).MoveToOuterDisposeScope();
    }

    /// <summary>Sum of the attributions less the difference of the scores at input and baseline, [N].</summary>
    public static Tensor Delta(ExplainedModel model, Samples samples, Tensor baseline, Tensor attributions)
    {
        using DisposeScope scope = NewDisposeScope();
        using var quiet = no_grad();
        Tensor scores = model.ScoresAt(model.Points(samples.Input), samples.Input) - model.ScoresAt(baseline, samples.Input);
        Tensor sums = attributions.flatten(1).to(float64).sum(1);
        return (sums - ExplainedModel.Chosen(scores, samples.Targets)).to(float32).MoveToOuterDisposeScope();
    }

    /// <summary>A copy of a background set, [B, ...]. The caller's.</summary>
    /// <exception cref="ArgumentException">It is empty.</exception>
    public static Tensor Background(Tensor background) => background.dim() > 0 && background.shape[0] > 0
        ? background.detach().clone().DetachFromDisposeScope()
        : throw new ArgumentException("The background set is empty: give it at least one input.", nameof(background));

    /// <exception cref="ExplainerException">The background set is not of inputs like the samples.</exception>
    public static void CheckShape(string method, Tensor background, Samples samples)
    {
        if (!background.shape.AsSpan(1).SequenceEqual(samples.Input.shape.AsSpan(1)) || background.dtype != samples.Input.dtype)
        {
            throw new ExplainerException(
                $"{method}: the background set is {background.dtype} of [{string.Join(", ", background.shape)}], the input is {samples.Input.dtype} of " +
                $"[{string.Join(", ", samples.Input.shape)}]. Give a background of inputs of the same shape and type.");
        }
    }
}
