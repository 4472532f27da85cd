using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Fuzz;

/// <summary>What random models are made of. A family of operators adds one of its kind to a sketch, or nothing if no value fits.</summary>
internal static partial class Operators
{
    /// <summary>Every operator as often as it stands here.</summary>
    public static readonly Action<Sketch>[] All = [.. Shapes, .. Shapes, .. Pieces, .. Pieces, .. Layers, .. Layers, .. Windows, .. Sums, .. Sums, .. Functions, .. InPlace, .. Reductions, .. Attentions, .. Recurrences, .. Others];

    /// <summary>One to three inputs with the same number of samples.</summary>
    public static Tensor[] Inputs(Sketch s)
    {
        long samples = s.Next(1, 4);
        int count = s.Choose(1, 1, 1, 2, 3), kind = s.Next(6);
        return [.. Enumerable.Range(0, count).Select(k => Input(s, samples, s.Chance(3) ? s.Next(6) : kind))];
    }

    private static Tensor Input(Sketch s, long samples, int kind)
    {
        long Size(int most) => s.Chance(12) ? 1 : s.Next(2, most);
        if (kind == 5)
            return randint(0, Vocabulary, [samples, Size(6)], int64);
        long[] shape = kind switch
        {
            0 => [samples, Size(9)],
            1 => [samples, Size(6), Size(8)],
            2 => [samples, Size(5), Size(8), Size(8)],
            3 => [samples, Size(4), Size(4), Size(5), Size(5)],
            _ => [samples, Size(7), Size(7)],
        };
        Tensor x = s.Spread(shape, 2);
        return shape.Length == 4 && s.Chance(3) ? x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2) : s.Chance(10) ? x.transpose(-1, -2).contiguous().transpose(-1, -2) : x;
    }

    private const long Vocabulary = 7;

    private static string Join(IEnumerable<long> values) => string.Join(", ", values);
}
