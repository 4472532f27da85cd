using static TorchSharp.torch;

namespace Backtrace.Gpu.Graphs;

// Norms and deviations: recorded as the sums, powers and roots that they are.
internal static partial class Lowerings
{
    // Distances of all pairs of rows are computed from this many numbers at most.
    private const long MostDifferences = 1 << 27;

    private static void RegisterNorms(Dictionary<string, Lowering> table)
    {
        table.Add("linalg_vector_norm", static call => Norm(call, call[1], call[2], call[3].Boolean));
        table.Add("norm", static call => Norm(call, call[1], call[2], call[3].Boolean));
        RegisterAll(table, ["var", "std", "var_mean", "std_mean"], Deviate);
        table.Add("cosine_similarity", Compare);
        table.Add("pairwise_distance", Distance);
        table.Add("cdist", Distances);
        table.Add("hypot", static call => call.Rewrite(() => (call.Read(0).pow(2) + call.Read(1).pow(2)).sqrt()));
        table.Add("mse_loss", static call => Lose(call, difference => difference.pow(2)));
        table.Add("l1_loss", static call => Lose(call, difference => difference.abs()));
    }

    // (a [.., P, M], b [.., R, M], order, ...): all pairs of rows.
    private static void Distances(OperatorCall call)
    {
        double power = call[2].IsNone ? 2 : call[2].Number;
        long differences = Kernels.Execution.DeviceTensor.Count(call.Output.Sizes) * call[0].Tensor.Sizes[^1];
        if (!(power > 0))
            call.Refuse($"of order {power} has no rule");
        else if (differences > MostDifferences)
            call.Refuse($"of {differences} differences has no rule: {MostDifferences} are the most. Compare fewer rows at a time");
        else
            call.Rewrite(() => Norm(call.Read(0).unsqueeze(-2) - call.Read(1).unsqueeze(-3), power, [-1], keepsAxes: false));
    }

    private static void Norm(OperatorCall call, Argument order, Argument axes, bool keepsAxes)
    {
        double power = order.IsNumber ? order.Number : 2;
        long[] along = AllOr(axes, call);
        if (!(power > 0))
            call.Refuse($"of order {power} has no rule");
        else
            call.Rewrite(() => Norm(call.Read(0), power, along, keepsAxes));
    }

    private static Tensor Norm(Tensor x, double power, long[] axes, bool keepsAxes) => power switch
    {
        1 => x.abs().sum(axes, keepsAxes),
        2 => x.pow(2).sum(axes, keepsAxes).sqrt(),
        double.PositiveInfinity => x.abs().amax(axes, keepsAxes),
        _ => x.abs().pow(power).sum(axes, keepsAxes).pow(1 / power),
    };

    // (self, unbiased), (self, axes, unbiased, keeps axes) or, by far the most usual, (self, axes, what is subtracted from the count, keeps axes)
    private static void Deviate(OperatorCall call)
    {
        bool isPlain = call.Overload.Length == 0;
        Argument spared = isPlain ? call[1] : call[2];
        double correction = spared.IsNone ? 1 : spared.Number;
        long[] axes = isPlain ? AllOr(Argument.None, call) : AllOr(call[1], call), shape = call[0].Tensor.Sizes;
        double count = axes.Aggregate(1.0, (product, axis) => product * shape[axis < 0 ? axis + shape.Length : axis]) - correction;
        if (count <= 0)
            call.Refuse("is of too few entries");
        else
            call.Rewrite(() =>
            {
                bool keepsAxes = !isPlain && call[3].Boolean;
                Tensor x = call.Read(0), variance = (x - x.mean(axes, true)).pow(2).sum(axes, keepsAxes) / count;
                Tensor deviation = call.Label.StartsWith("std", StringComparison.Ordinal) ? variance.sqrt() : variance;
                return call.Outputs.Length == 1 ? [deviation] : [deviation, x.mean(axes, keepsAxes)];
            });
    }

    // (a, b, axis, ε): the product of two normalised vectors.
    private static void Compare(OperatorCall call)
    {
        long[] axis = [call[2].IsNone ? 1 : call[2].Integer];
        double epsilon = call[3].IsNone ? 1e-8 : call[3].Number;
        Tensor Unit(Tensor x) => x / Norm(x, 2, axis, keepsAxes: true).clamp_min(epsilon);
        call.Rewrite(() => (Unit(call.Read(0)) * Unit(call.Read(1))).sum(axis));
    }

    // (a, b, order, ε, keeps axis), without the ε that keeps gradients finite.
    private static void Distance(OperatorCall call)
    {
        double power = call[2].IsNone ? 2 : call[2].Number;
        if (!(power > 0))
            call.Refuse($"of order {power} has no rule");
        else
            call.Rewrite(() => Norm(call.Read(0) - call.Read(1), power, [-1], call[4].Boolean));
    }

    // (a, b, 0 for each entry, 1 for their mean, 2 for their sum): what an autoencoder misses.
    private static void Lose(OperatorCall call, Func<Tensor, Tensor> size) => call.Rewrite(() =>
    {
        Tensor each = size(call.Read(0) - call.Read(1));
        return call[2].IsNone || call[2].Integer == 1 ? each.mean() : call[2].Integer == 2 ? each.sum() : each;
    });

    private static long[] AllOr(Argument axes, OperatorCall call) => axes.Kind switch
    {
        ArgumentKind.List when axes.Items.Length > 0 => [.. axes.Integers.Select(a => (long)a)],
        _ => [.. Enumerable.Range(0, call[0].Tensor.Sizes.Length).Select(a => (long)a)],
    };
}
