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
        return (sums - scores.gather(1, samples.Targets.unsqueeze(1)).squeeze(1)).to(float32).MoveToOuterDisposeScope();
    }
}
