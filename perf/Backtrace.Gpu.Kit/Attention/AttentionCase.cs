using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using ILGPU;
using Device = Backtrace.Gpu.Kernels.Execution.Device;

namespace Backtrace.Gpu.Kit.Attention;

/// <summary>What an attention's relevance cost.</summary>
/// <param name="Seconds">Median of the rounds.</param>
/// <param name="Rounds">How many were timed.</param>
/// <param name="PeakBytes">The most device memory that was in use.</param>
/// <param name="ExtraBytes">That, beyond queries, keys, values, relevance and the relevance of the three.</param>
/// <param name="Missing">Relevance that was lost, of all that there was.</param>
/// <param name="Products">What computed the products.</param>
internal sealed record AttentionCost(double Seconds, int Rounds, long PeakBytes, long ExtraBytes, double Missing, string Products);

/// <summary>The rule of a causal attention of one sample, by itself: operands are in the device's memory before the clock starts.</summary>
internal sealed class AttentionCase(Device device, AttentionShape shape) : IDisposable
{
    private readonly Arena arena = new(device);
    private readonly Kernels.Rules.Attention attention = new(shape, 1 / MathF.Sqrt(shape.Width), IsCausal: true, AttentionMask.None);
    private readonly Random random = new(1);

    internal AttentionCost Measure(Mode mode)
    {
        long[] queries = [shape.Samples, shape.Heads, shape.Queries, shape.Width], keys = [shape.Samples, shape.KeyHeads, shape.Keys, shape.Width];
        using CuBlasContraction? cuBlas = CuBlasContraction.TryCreate(device, arena, ContractionPrecision.Single, out _);
        IContraction contraction = device.Kind == DeviceKind.Cpu ? new CpuContraction(device.Workers, ContractionPrecision.Single)
            : cuBlas != null ? cuBlas : new TiledContraction(device, arena);
        DeviceTensor[] inputs = [New(queries, signed: true), New(keys, signed: true), New(keys, signed: true)];
        AttentionVisit[] visits = [.. Enumerable.Range(0, mode == Mode.Contrastive ? 2 : 1).Select(_ => new AttentionVisit(
            arena, contraction, attention, inputs, New(queries, signed: false), [New(queries, signed: false), New(keys, signed: false), New(keys, signed: false)]))];
        long held = arena.LentBytes;
        arena.ResetPeak();
        (double seconds, int rounds) = Clock.Median(device, () =>
        {
            foreach (AttentionVisit visit in visits)
                visit.Finish();
            Apply(visits);
        });
        double missing = visits.Max(Missing);
        foreach (AttentionVisit visit in visits)
            visit.Finish();
        return new AttentionCost(seconds, rounds, arena.PeakBytes, arena.PeakBytes - held, missing, cuBlas != null ? $"cuBLAS {cuBlas.Version}" : "our kernels");
    }

    public void Dispose() => arena.Dispose();

    private static void Apply(AttentionVisit[] visits)
    {
        AttentionRule rule = new();
        if (visits.Length == 1)
            rule.Apply(visits[0]);
        else
            rule.ApplyContrastive(visits[0], visits[1]);
    }

    private static double Missing(AttentionVisit visit) => Math.Abs(visit.Arrived() - visit.HandedOn() - visit.Dropped()) / visit.Arrived();

    private unsafe DeviceTensor New(long[] tensorShape, bool signed)
    {
        long length = DeviceTensor.Count(tensorShape);
        ArrayView<float> view = arena.Rent(length).View.SubView(0, length);
        float[] values = new float[length];
        for (long k = 0; k < length; k++)
            values[k] = signed ? (random.NextSingle() * 4) - 2 : random.NextSingle();
        fixed (float* source = values)
            device.Upload(source, view, length);
        return new DeviceTensor(view, tensorShape);
    }
}
