using Backtrace.Gpu.Baselines;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Evaluation;

/// <summary>Asks an explainer again.</summary>
internal static class Explaining
{
    /// <summary>Explains samples in batches of limited size. The caller's.</summary>
    internal static Tensor InBatches(IExplainer explainer, Samples samples, int maximumBatch, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maximumBatch, 1);
        using DisposeScope scope = NewDisposeScope();
        List<Tensor> parts = [];
        for (long begin = 0; begin < samples.Count; begin += maximumBatch)
        {
            cancellation.ThrowIfCancellationRequested();
            long count = Math.Min(maximumBatch, samples.Count - begin);
            using Samples part = new(
                samples.Input.narrow(0, begin, count).contiguous(),
                samples.Targets.narrow(0, begin, count).contiguous(),
                samples.Absent.shape[0] == 1 ? samples.Absent.alias() : samples.Absent.narrow(0, begin, count).contiguous(),
                samples.Features);
            parts.Add(explainer.Explain(part, cancellation));
        }

        Tensor all = cat(parts).DetachFromDisposeScope();
        parts.ForEach(part => part.Dispose());
        return all;
    }
}
