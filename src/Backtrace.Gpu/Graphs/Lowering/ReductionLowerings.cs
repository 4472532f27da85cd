using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Graphs;

internal static partial class Lowerings
{
    // Each is a node.
    private const int LongestCumulativeProduct = 1024;

    private static void RegisterReductions(Dictionary<string, Lowering> table)
    {
        table.Add("mean", static call => call.Emit(new SumOverAxes(Axes(call, call[1]), "Mean"), [call[0].Tensor]));
        table.Add("sum", Sum);
        table.Add("nansum", SumNumbers);
        table.Add("amax", static call => call.Emit(new MaxOverAxes(Axes(call, call[1])), [call[0].Tensor]));
        table.Add("max", Maximum);
        table.Add("maximum", Larger);
        table.Add("amin", Least);
        table.Add("min", Minimum);
        table.Add("minimum", Smaller);
        table.Add("aminmax", Extremes);
        table.Add("prod", MultiplyAll);
        table.Add("cumprod", MultiplyUpTo);
        table.Add("logsumexp", SumExponentials);
        table.Add("logcumsumexp", AccumulateExponentials);
        table.Add("logaddexp", static call => call.Rewrite(() => stack(broadcast_tensors(call.Read(0), call.Read(1))).logsumexp(0)));
        table.Add("logaddexp2", static call => call.Rewrite(() => (stack(broadcast_tensors(call.Read(0), call.Read(1))) * Math.Log(2)).logsumexp(0) / Math.Log(2)));
    }

    private static void Sum(OperatorCall call)
    {
        if (call.IsIntegral && !IsOneHot(call[0].Tensor))
            call.EmitNothing(); // ids and masks are counted, not added up
        else
            call.Emit(new SumOverAxes(Axes(call, call[1]), "Sum"), [call[0].Tensor]);
    }

    // Entries that are not numbers count as 0 and get nothing.
    private static void SumNumbers(OperatorCall call)
    {
        if (call.IsIntegral)
            call.EmitNothing();
        else
            call.Rewrite(() => call.Read(0).nan_to_num(0, double.PositiveInfinity, double.NegativeInfinity).sum(AllOr(call[1], call), call[2].Boolean));
    }

    private static void MultiplyAll(OperatorCall call)
    {
        if (call.IsIntegral)
            call.EmitNothing();
        else
            call.Emit(new ProductOverAxes(Axes(call, call[1])), [call[0].Tensor]);
    }

    // (self, axis, ...): each result is a product of all entries up to its own.
    private static void MultiplyUpTo(OperatorCall call)
    {
        int rank = call[0].Tensor.Sizes.Length;
        long length = rank == 0 ? 1 : call[0].Tensor.Sizes[AxisOf(call[1], rank)];
        if (call.IsIntegral)
            call.EmitNothing();
        else if (rank == 0)
            call.EmitIdentity(call.Label);
        else if (length > LongestCumulativeProduct)
            call.Refuse($"along {length} entries has no rule: {LongestCumulativeProduct} are the most. Of positive factors, write the exponential of a cumulative sum of logarithms");
        else
            call.Rewrite(() =>
            {
                Tensor x = call.Read(0).to(call.Output.Held.Type);
                long axis = call[1].Integer;
                return stack([.. Enumerable.Range(1, (int)length).Select(n => x.narrow(axis, 0, n).prod(axis))], axis);
            });
    }

    // (self, axis): as logsumexp, for each entry of all up to it.
    private static void AccumulateExponentials(OperatorCall call)
    {
        long[] shape = call[0].Tensor.Sizes;
        long length = shape.Length == 0 ? 1 : shape[AxisOf(call[1], shape.Length)], exponentials = DeviceTensor.Count(shape) * length;
        if (shape.Length == 0)
            call.EmitIdentity(call.Label);
        else if (exponentials > MostDifferences)
            call.Refuse($"of {exponentials} exponentials has no rule: {MostDifferences} are the most. Explain fewer samples at a time, or shorter ones");
        else
            call.Rewrite(() =>
            {
                Tensor x = call.Read(0).transpose(call[1].Integer, -1).unsqueeze(-2), later = ones(length, length, ScalarType.Bool).triu(1);
                Tensor upTo = x.expand([.. x.shape[..^2], length, length]).masked_fill(later, double.NegativeInfinity);
                return upTo.log_softmax(-1).exp().sum([-1L]).transpose(call[1].Integer, -1);
            });
    }

    // The logarithm passes relevance to the sum, which shares it by exp(x): less the result itself, so that it cannot overflow. Not by softmax, which some rule sets treat
    // in a way of their own.
    private static void SumExponentials(OperatorCall call)
    {
        int rank = call[0].Tensor.Sizes.Length;
        long[] axes = [.. Axes(call, call[1]).Select(axis => (long)(axis < 0 ? axis + rank : axis))];
        if (rank == 0)
            call.EmitIdentity(call.Label);
        else
            call.Rewrite(() => call.Read(0).movedim(axes, [.. axes.Select((_, k) => (long)(rank - axes.Length + k))]).flatten(rank - axes.Length).log_softmax(-1).exp().sum([-1L]).reshape(call.Output.Sizes));
    }

    private static void Maximum(OperatorCall call)
    {
        if (call[1].IsTensor)
        {
            Larger(call);
            return;
        }

        call.LeaveOutPlaces();
        call.Emit(new MaxOverAxes(Axes(call, call[1])), [call[0].Tensor]);
    }

    private static void Minimum(OperatorCall call)
    {
        if (call[1].IsTensor)
            Smaller(call);
        else
            Least(call);
    }

    private static void Least(OperatorCall call)
    {
        call.LeaveOutPlaces();
        long[] axes = [.. Axes(call, call[1]).Select(axis => (long)axis)];
        call.Rewrite(() => -(-call.Read(0)).amax(axes, call[2].Boolean));
    }

    // (self, axis or none, keeps axis): the minimum and the maximum.
    private static void Extremes(OperatorCall call)
    {
        long[] axes = call[1].IsNone ? AllOr(call[1], call) : [call[1].Integer];
        call.Rewrite(() => [-(-call.Read(0)).amax(axes, call[2].Boolean), call.Read(0).amax(axes, call[2].Boolean)]);
    }

    // A maximum over a new axis, along which the two lie.
    private static void Larger(OperatorCall call) => call.Rewrite(() => Larger(call.Read(0), call.Read(1)));

    private static void Smaller(OperatorCall call) => call.Rewrite(() => -Larger(-call.Read(0), -call.Read(1)));

    private static Tensor Larger(Tensor a, Tensor b) => stack(broadcast_tensors(a, b)).amax([0]);

    // A list, one number, or nothing: all axes. The overload without axes has a data type in the second place.
    private static int[] Axes(OperatorCall call, Argument axes) => axes.Kind switch
    {
        ArgumentKind.List when axes.Items.Length > 0 => axes.Integers,
        ArgumentKind.Integer when call.Overload.StartsWith("dim", StringComparison.Ordinal) => [(int)axes.Integer],
        _ => [.. Enumerable.Range(0, call[0].Tensor.Sizes.Length)],
    };
}
