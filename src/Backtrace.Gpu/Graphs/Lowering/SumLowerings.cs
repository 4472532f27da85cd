using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;

namespace Backtrace.Gpu.Graphs;

internal static partial class Lowerings
{
    private static void RegisterSums(Dictionary<string, Lowering> table)
    {
        table.Add("add", static call => AddOf(call, 1, "Add"));
        table.Add("sub", static call => AddOf(call, -1, "Sub"));
        RegisterAll(table, ["subtract"], static call => AddOf(call, -1, "Sub"));
        table.Add("rsub", static call => AddOf(call, -1, "Sub", reversed: true));
        RegisterAll(table, ["mul", "multiply"], static call => Product(call, "Mul"));
        RegisterAll(table, ["div", "divide", "true_divide"], static call => Product(call, "Div"));
    }

    /// <summary>self ± alpha·other, or the reverse. A number is a constant of the operator, a constant tensor an operand without relevance.</summary>
    private static void AddOf(OperatorCall call, float sign, string label, bool reversed = false)
    {
        if (label == "Add" && TryFuseBias(call))
            return;
        if (call.IsIntegral)
        {
            call.EmitIdentity(label); // an id moved to another part of the table is still that id
            return;
        }

        float alpha = sign * (call[2].IsNumber ? (float)call[2].Number : 1);
        float first = reversed ? alpha : 1, second = reversed ? 1 : alpha;
        if (!call[1].IsTensor)
        {
            float constant = second * (float)call[1].Number;
            if (constant == 0)
                call.EmitIdentity(label);
            else
                call.Emit(new Add([new Addend(first)], constant, label), [call[0].Tensor]);
            return;
        }

        Value a = call[0].Tensor, b = call[1].Tensor;
        call.Emit(new Add([new Addend(first, !a.IsDynamic), new Addend(second, !b.IsDynamic)], 0, label), [a, b]);
    }

    private static void Product(OperatorCall call, string label)
    {
        if (!call[1].IsTensor)
        {
            call.EmitIdentity(label);
            return;
        }

        Value a = call[0].Tensor, b = call[1].Tensor;
        if (a.IsDynamic && b.IsDynamic && RootMeanSquareNorm.Find(a, b, label == "Div") is var (normalised, operation))
        {
            call.Emit(operation, [normalised]);
            return;
        }

        if (label == "Div" && a.IsDynamic && b.IsDynamic && LocalResponse.IsQuotient(a, b))
        {
            call.Emit(new Identity("LocalResponseNorm"), [a]);
            return;
        }

        bool sameSize = DeviceTensor.Count(call.Output.Sizes) == DeviceTensor.Count(a.Sizes);
        if (a.IsDynamic && !b.IsDynamic && sameSize)
            call.EmitIdentity(label);
        else
            call.Emit(new Multiply([a.IsDynamic, b.IsDynamic], label), [a, b]);
    }
}
