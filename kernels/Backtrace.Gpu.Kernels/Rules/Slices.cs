using Backtrace.Gpu.Kernels.Contraction;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>
/// A dense layer of many rows as several of fewer, one after the other in the same scratch memory: what is computed of a row is still in the processor's
/// cache when it is read, and the memory is that of a slice.
/// </summary>
internal static class Slices
{
    // Scratch memory of a slice, about: more than the caches of single cores, a fraction of what they share.
    private const long Floats = 1 << 20;

    // Weights are read and packed for each slice.
    private const int Fewest = 512;
    private const long MostWeights = 1 << 18;

    /// <summary>The number of slices; 1 where the layer is run as it is.</summary>
    /// <param name="context">The node.</param>
    /// <param name="shape">The layer.</param>
    /// <param name="floatsPerRow">Memory that the rule goes through more than once for a row.</param>
    public static int Count(RuleContext context, LinearShape shape, long floatsPerRow)
    {
        if (!context.Device.IsDirect || shape.Rows % context.Samples != 0 || (long)shape.Inputs * shape.Outputs > MostWeights)
            return 1;
        long each = Math.Max(Floats / floatsPerRow, Fewest);
        return (int)Math.Min((shape.Rows + each - 1) / each, Parts(context, shape.Rows));
    }

    /// <summary>Runs a rule slice by slice.</summary>
    /// <param name="streams">The visits of the layer, one for each stream.</param>
    /// <param name="shape">The layer.</param>
    /// <param name="count">Number of slices.</param>
    /// <param name="apply">The rule, for the visits of a slice and its shape.</param>
    public static void Run(RuleContext[] streams, LinearShape shape, int count, Action<RuleContext[], LinearShape> apply)
    {
        SliceContext[] slices = [.. streams.Select(stream => new SliceContext(stream, shape.Rows))];
        long parts = Parts(streams[0], shape.Rows), rowsPerPart = shape.Rows / parts;
        for (int k = 0; k < count; k++)
        {
            int begin = (int)(parts * k / count * rowsPerPart), end = (int)(parts * (k + 1) / count * rowsPerPart);
            foreach (SliceContext slice in slices)
                slice.Move(begin, end);
            apply(slices, shape with { Rows = end - begin });
        }
    }

    // Samples that the ledger keeps apart are not cut.
    private static long Parts(RuleContext context, int rows) => context.Samples == 1 ? rows : context.Samples;
}
