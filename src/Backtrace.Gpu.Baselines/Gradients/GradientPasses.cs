using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>Gradients at many points of each sample in few passes: the points of several samples at once where they fit, else those of one sample in parts.</summary>
internal static class GradientPasses
{
    /// <summary>Gradients of a pass's points, [points, ...], for an input and a class of each: what takes the place of <see cref="ExplainedModel.Gradients"/>.</summary>
    public delegate Tensor Differentiate(GradientPass pass, Tensor points, Tensor input, Tensor targets);

    /// <inheritdoc cref="Run(Samples, int, int, Func{GradientPass, Tensor}, Differentiate, Action{GradientPass, Tensor}, CancellationToken)"/>
    public static void Run(
        ExplainedModel model, Samples samples, int count, int batch, Func<GradientPass, Tensor> points, Action<GradientPass, Tensor> use, CancellationToken cancellation) =>
        Run(samples, count, batch, points, (_, at, input, targets) => model.Gradients(at, input, targets), use, cancellation);

    /// <param name="samples">What the points belong to.</param>
    /// <param name="count">Number of points of each sample.</param>
    /// <param name="batch">Most points in a pass.</param>
    /// <param name="points">Makes the points of a pass, [samples, points, ...].</param>
    /// <param name="differentiate">Gives their gradients.</param>
    /// <param name="use">Takes them, [samples, points, ...], which end with the call.</param>
    /// <param name="cancellation">Looked at between passes.</param>
    public static void Run(
        Samples samples,
        int count,
        int batch,
        Func<GradientPass, Tensor> points,
        Differentiate differentiate,
        Action<GradientPass, Tensor> use,
        CancellationToken cancellation)
    {
        long together = Math.Max(1, batch / count);
        int most = Math.Min(count, batch);
        for (long first = 0; first < samples.Count; first += together)
        {
            long taken = Math.Min(together, samples.Count - first);
            for (int point = 0; point < count; point += most)
            {
                cancellation.ThrowIfCancellationRequested();
                using DisposeScope scope = NewDisposeScope();
                GradientPass pass = new(first, taken, point, Math.Min(most, count - point));
                Tensor at = points(pass);
                Tensor gradients = differentiate(pass, at.flatten(0, 1), Rows(pass, samples.Input), Rows(pass, samples.Targets));
                use(pass, gradients.view(at.shape));
            }
        }
    }

    // Each sample once for each of its points.
    private static Tensor Rows(GradientPass pass, Tensor perSample)
    {
        Tensor rows = pass.Of(perSample);
        return rows.expand([pass.Samples, pass.Points, .. rows.shape[2..]]).flatten(0, 1);
    }
}
