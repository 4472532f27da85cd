using Backtrace.Gpu.Kernels.Rules;

namespace Backtrace.Gpu.Graphs;

internal static partial class Lowerings
{
    private static void RegisterReductions(Dictionary<string, Lowering> table)
    {
        table.Add("mean", static call => call.Emit(new SumOverAxes(Axes(call, call[1]), "Mean"), [call[0].Tensor]));
        table.Add("sum", Sum);
        table.Add("amax", static call => call.Emit(new MaxOverAxes(Axes(call, call[1])), [call[0].Tensor]));
        table.Add("max", Maximum);
    }

    private static void Sum(OperatorCall call)
    {
        if (call.IsIntegral)
            call.EmitNothing(); // ids and masks are counted, not added up
        else
            call.Emit(new SumOverAxes(Axes(call, call[1]), "Sum"), [call[0].Tensor]);
    }

    private static void Maximum(OperatorCall call)
    {
        if (call[1].IsTensor)
        {
            call.Refuse("of two tensors has no rule");
        }
        else
        {
            call.LeaveOutPlaces();
            call.Emit(new MaxOverAxes(Axes(call, call[1])), [call[0].Tensor]);
        }
    }

    // A list, one number, or nothing: all axes. The overload without axes has a data type in the second place.
    private static int[] Axes(OperatorCall call, Argument axes) => axes.Kind switch
    {
        ArgumentKind.List when axes.Items.Length > 0 => axes.Integers,
        ArgumentKind.Integer when call.Overload.StartsWith("dim", StringComparison.Ordinal) => [(int)axes.Integer],
        _ => [.. Enumerable.Range(0, call[0].Tensor.Sizes.Length)],
    };
}
