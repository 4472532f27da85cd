using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Engine;
using NUnit.Framework;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>
/// Average pooling of the first implementation, over each number of axes, window by window: pooling over one axis loses streams that are directed at a
/// missing sign, pooling over two or three does not, whatever their sizes (rules.md, C.4).
/// </summary>
public sealed class V1AveragePoolingTests
{
    private static readonly BacktracerOptions Options = new() { Mode = Mode.Contrastive, Rules = RuleSet.V1 };

    private static IEnumerable<TestCaseData> Cases =>
    [
        Case([9], [3], [2], [1]),
        Case([8], [8], [8], [0]),
        Case([6, 7], [2, 3], [2, 2], [0, 1]),
        Case([7, 5], [3, 2], [1, 2], [1, 0]),
        Case([1, 9], [1, 3], [1, 2], [0, 1]),
        Case([9, 1], [3, 1], [2, 1], [1, 0]),
        Case([1, 8], [1, 8], [1, 8], [0, 0]),
        Case([4, 3, 5], [2, 3, 2], [2, 1, 1], [1, 0, 1]),
        Case([1, 1, 7], [1, 1, 2], [1, 1, 2], [0, 0, 0]),
    ];

    [TestCaseSource(nameof(Cases))]
    public void AgreesWithADirectComputation(long[] size, long[] kernel, long[] stride, long[] padding)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(17);
        Tensor x = randn([2, 2, .. size]) * randint(0, 2, [2, 2, .. size]);
        Tensor Pool(Tensor i) => size.Length switch
        {
            1 => avg_pool1d(i, kernel[0], stride[0], padding[0]),
            2 => avg_pool2d(i, kernel, stride, padding),
            _ => avg_pool3d(i, kernel, stride, padding),
        };
        Tensor y = Pool(x);
        Random draws = new(4);
        float[] Draw() => [.. Enumerable.Range(0, (int)y.numel()).Select(_ => (float)draws.Next(1, 4))]; // with ties
        float[] supporting = Draw(), opposing = Draw(), values = x.Floats();
        double[][] expected = [new double[values.Length], new double[values.Length]];
        long[] output = y.shape[2..];
        int perPlane = (int)output.Aggregate(1L, (a, b) => a * b), inputs = (int)size.Aggregate(1L, (a, b) => a * b);
        for (int unit = 0; unit < supporting.Length; unit++)
        {
            int[] window = [.. Window(unit % perPlane, output, size, kernel, stride, padding).Select(p => (unit / perPlane * inputs) + p)];
            double[] z = [.. window.Select(p => (double)values[p])], toSupporting = new double[z.Length], toOpposing = new double[z.Length];
            if (size.Length > 1)
                ContrastiveReference.Unit(z, 0, supporting[unit], opposing[unit], toSupporting, toOpposing);
            else
                LosingUnit(z, supporting[unit], opposing[unit], toSupporting, toOpposing);
            for (int k = 0; k < window.Length; k++)
            {
                expected[0][window[k]] += toSupporting[k];
                expected[1][window[k]] += toOpposing[k];
            }
        }

        using Explanation e = Explaining.Explain(Pool, x, Target.Custom(supporting, opposing), Options);
        Explaining.AssertSame(e.Positive.Input.Floats(), [.. expected[0].Select(v => (float)v)], 1e-5);
        Explaining.AssertSame(e.Negative.Input.Floats(), [.. expected[1].Select(v => (float)v)], 1e-5);
    }

    // The positions of one window that lie inside the input.
    private static IEnumerable<int> Window(int unit, long[] output, long[] size, long[] kernel, long[] stride, long[] padding)
    {
        IEnumerable<long> positions = [0];
        long rest = unit, below = output.Aggregate(1L, (a, b) => a * b);
        for (int axis = 0; axis < size.Length; axis++)
        {
            below /= output[axis];
            long start = (rest / below * stride[axis]) - padding[axis], length = size[axis], taps = kernel[axis];
            rest %= below;
            positions = [.. from before in positions
                            from tap in Enumerable.Range(0, (int)taps)
                            where start + tap >= 0 && start + tap < length
                            select (before * length) + start + tap];
        }

        return positions.Select(p => (int)p);
    }

    // The larger stream goes along the sign of the sum, the other one along the opposite sign, whether there are such entries or not; ties are lost.
    private static void LosingUnit(double[] z, double supporting, double opposing, double[] toSupporting, double[] toOpposing)
    {
        double p = z.Where(v => v > 0).Sum(), n = -z.Where(v => v < 0).Sum();
        if (supporting == opposing || p == n)
            return;
        int ofSupporting = (p > n) == (supporting > opposing) ? 1 : -1;
        for (int i = 0; i < z.Length; i++)
        {
            double positive = z[i] > 0 ? z[i] / p : 0, negative = z[i] < 0 ? -z[i] / n : 0;
            toSupporting[i] = supporting * (ofSupporting > 0 ? positive : negative);
            toOpposing[i] = opposing * (ofSupporting > 0 ? negative : positive);
        }
    }

    private static TestCaseData Case(long[] size, long[] kernel, long[] stride, long[] padding) =>
        new TestCaseData(size, kernel, stride, padding).SetArgDisplayNames(string.Join('x', size), string.Join('x', kernel));
}
