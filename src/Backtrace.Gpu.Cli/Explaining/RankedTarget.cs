using Backtrace.Gpu.Kernels;
using Backtrace.Gpu.Targets;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>The answer of a rank, each input's own: of an output [N, C], or of one position of [N, T, V].</summary>
/// <param name="Rank">0 for the largest output, 1 for the next; of equal ones the first goes first.</param>
/// <param name="Position">The position; null for [N, C].</param>
internal sealed record RankedTarget(int Rank, int? Position) : Target
{
    private int? Index { get; init; }

    internal static int IndexOf(float[] outputs, int rank) => Enumerable.Range(0, outputs.Length).OrderByDescending(k => outputs[k]).ElementAt(rank);

    private protected override string Call => Position is null ? $"Rank {Rank + 1}" : $"Rank {Rank + 1} at {Position}";

    protected override void WriteSample(int n, int samples, ReadOnlySpan<float> output, ReadOnlySpan<long> shape, Span<float> seed)
    {
        (int first, int count) = Part(n, samples, shape);
        WritePart(n, samples, output.Slice(first, count), shape, seed.Slice(first, count));
    }

    private protected override (int First, int Count) Part(int n, int samples, ReadOnlySpan<long> shape) =>
        Position is not { } position ? base.Part(n, samples, shape)
        : shape.Length == 2 ? (Checked(position, (int)shape[0], "Position") * (int)shape[1], (int)shape[1])
        : throw new TargetException($"{this} needs an output [N, T, V], not one with {Counted.Of(shape.Length + 1, "axis", "axes")}.");

    private protected override void WritePart(int n, int samples, ReadOnlySpan<float> output, ReadOnlySpan<long> shape, Span<float> seed)
    {
        int index = Index ?? Find(output);
        seed[index] = ScalerOr(output[index]);
    }

    private protected override Target Settled(ReadOnlySpan<float> logits, ReadOnlySpan<float> probabilities) => this with { Index = Find(logits) };

    private int Find(ReadOnlySpan<float> output) => Rank < output.Length
        ? IndexOf(output.ToArray(), Rank)
        : throw new TargetException($"Rank {Rank + 1} does not exist: the output has {output.Length}.");
}
