using Backtrace.Gpu.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>Gradients at many points of each sample in few passes: the points of several samples at once where they fit, else those of one sample in parts.</summary>
internal static class GradientPasses
{
    /// <summary>Gradients of a pass's points, [points, ...], for an input and a class of each: what takes the place of <see cref="ExplainedModel.Gradients"/>.</summary>
    public delegate Tensor Differentiate(GradientPass pass, Tensor points, Tensor input, Tensor targets);

    /// <inheritdoc cref="Run(ExplainedModel, Samples, int, int, Func{GradientPass, Tensor}, Differentiate, Action{GradientPass, Tensor}, CancellationToken)"/>
    public static void Run(
        ExplainedModel model, Samples samples, int count, int batch, Func<GradientPass, Tensor> points, Action<GradientPass, Tensor> use, CancellationToken cancellation) =>
        Run(model, samples, count, batch, points, OfModel(model), use, cancellation);

    /// <param name="model">The model.</param>
    /// <param name="samples">What the points belong to.</param>
    /// <param name="count">Number of points of each sample.</param>
    /// <param name="batch">Most points in a pass.</param>
    /// <param name="points">Makes the points of a pass, [samples x points, ...].</param>
    /// <param name="differentiate">Gives their gradients.</param>
    /// <param name="use">Takes them, [samples, points, ...], which end with the call.</param>
    /// <param name="cancellation">Looked at between passes.</param>
    public static void Run(
        ExplainedModel model,
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
                Tensor input = model.TakesTokens ? Rows(pass, samples.Input) : at; // not looked at where points are the input
                Tensor gradients = differentiate(pass, at, input, Rows(pass, samples.Targets));
                use(pass, pass.Samples == 1 ? gradients.unsqueeze(0) : gradients.unflatten(0, pass.Samples, pass.Points));
            }
        }
    }

    /// <summary>Sums over the points of each sample.</summary>
    /// <param name="model">The model.</param>
    /// <param name="samples">What the points belong to.</param>
    /// <param name="count">Number of points of each sample.</param>
    /// <param name="batch">Most points in a pass.</param>
    /// <param name="points">Makes the points of a pass, [samples x points, ...].</param>
    /// <param name="differentiate">Gives their gradients; the model's own when null.</param>
    /// <param name="reduce">Sums what the gradients of a pass, [samples, points, ...], come to: [samples, ...], a new tensor.</param>
    /// <param name="cancellation">Looked at between passes.</param>
    /// <returns>[N, ...].</returns>
    public static Tensor Sum(
        ExplainedModel model,
        Samples samples,
        int count,
        int batch,
        Func<GradientPass, Tensor> points,
        Differentiate? differentiate,
        Func<GradientPass, Tensor, Tensor> reduce,
        CancellationToken cancellation)
    {
        Tensor? sums = null;
        Run(
            model, samples, count, batch, points, differentiate ?? OfModel(model),
            (pass, gradients) =>
            {
                Tensor part = reduce(pass, gradients);
                if (sums is null && pass.Samples == samples.Count)
                {
                    sums = part.MoveToOuterDisposeScope();
                    return;
                }

                sums ??= zeros([samples.Count, .. part.shape[1..]], part.dtype, part.device).MoveToOuterDisposeScope();
                pass.Rows(sums).add_(part);
            },
            cancellation);
        return sums!;
    }

    private static Differentiate OfModel(ExplainedModel model) => (_, at, input, targets) => OperatorTap.Undisturbed(() => model.Gradients(at, input, targets));

    // Each sample once for each of its points.
    private static Tensor Rows(GradientPass pass, Tensor perSample)
    {
        Tensor rows = pass.Rows(perSample);
        long[] tail = rows.dim() == 1 ? [] : rows.shape[1..];
        return pass.Samples == 1 ? rows.expand([pass.Points, .. tail]) : rows.unsqueeze(1).expand([pass.Samples, pass.Points, .. tail]).flatten(0, 1);
    }
}
