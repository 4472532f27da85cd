using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Graphs;

internal static partial class Lowerings
{
    // The matrix of a cumulative sum holds the square of this many numbers.
    private const long LongestCumulativeSum = 8192;

    private static void RegisterSums(Dictionary<string, Lowering> table)
    {
        table.Add("add", static call => AddOf(call, 1, "Add"));
        table.Add("sub", static call => AddOf(call, -1, "Sub"));
        RegisterAll(table, ["subtract"], static call => AddOf(call, -1, "Sub"));
        table.Add("rsub", static call => AddOf(call, -1, "Sub", reversed: true));
        RegisterAll(table, ["mul", "multiply"], static call => Product(call, "Mul"));
        RegisterAll(table, ["div", "divide", "true_divide"], static call => Product(call, "Div"));
        table.Add("addcmul", static call => call.Rewrite(() => call.Read(0) + call.Read(1) * call.Read(2) * Factor(call[3])));
        table.Add("addcdiv", static call => call.Rewrite(() => call.Read(0) + call.Read(1) / call.Read(2) * Factor(call[3])));
        table.Add("lerp", Blend);
        table.Add("cumsum", Accumulate);
        table.Add("glu", Gate);
        table.Add("xlogy", MultiplyByLogarithm);
        RegisterAll(table, ["cross", "linalg_cross"], MultiplyCrosswise);
    }

    /// <summary>self ± alpha·other, or the reverse. A number is a constant of the operator, a constant tensor an operand without relevance.</summary>
    private static void AddOf(OperatorCall call, float sign, string label, bool reversed = false)
    {
        if (label == "Add" && TryFuseBias(call))
            return;
        if (call.IsIntegral)
        {
            if (call[0].Tensor.IsDynamic && call[1].IsTensor && call[1].Tensor.IsDynamic)
                call.Refuse("makes an id of two that both depend on the input: give it to the model as an input of its own");
            else
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

    private static double Factor(Argument number) => number.IsNumber ? number.Number : 1;

    // a + w·(b − a): a sum of two products with constants.
    private static void Blend(OperatorCall call)
    {
        if (!call[2].IsTensor)
            call.Rewrite(() => call.Read(0) * (1 - call[2].Number) + call.Read(1) * call[2].Number);
        else if (!call[2].Tensor.IsDynamic)
            call.Rewrite(() => call.Read(0) * (1 - call.Read(2)) + call.Read(1) * call.Read(2));
        else
            call.Refuse("has a weight that depends on the input: write the sum of two products, and which part of 1 − w is a constant");
    }

    // Each sum is a unit: a product with a triangle of ones. Positions counted from ids or masks are no function of what an id means.
    private static void Accumulate(OperatorCall call)
    {
        long[] shape = call[0].Tensor.Sizes;
        long length = shape.Length == 0 ? 1 : shape[AxisOf(call[1], shape.Length)];
        if (call.IsIntegral)
            call.EmitNothing();
        else if (shape.Length == 0)
            call.EmitIdentity(call.Label);
        else if (length > LongestCumulativeSum)
            call.Refuse($"along {length} entries has no rule: it would need a matrix of {length} × {length}, and {LongestCumulativeSum} is the most");
        else
            call.Rewrite(() => call.Read(0).to(call.Output.Held.Type).transpose(call[1].Integer, -1).matmul(ones(length, length, call.Output.Held.Type).triu()).transpose(call[1].Integer, -1));
    }

    // One half of an axis times the sigmoid of the other, which TorchSharp does not write out.
    private static void Gate(OperatorCall call) => call.Rewrite(() =>
    {
        Tensor[] halves = call.Read(0).chunk(2, call[1].Integer);
        return halves[0] * halves[1].sigmoid();
    });

    // (a, b, axis of three, the first such if none is given): differences of products.
    private static void MultiplyCrosswise(OperatorCall call)
    {
        long axis = call[2].IsNone ? Array.IndexOf(call.Output.Sizes, 3) : call[2].Integer;
        call.Rewrite(() =>
        {
            Tensor Turned(int operand, long steps) => call.Read(operand).expand(call.Output.Sizes).roll(-steps, axis);
            return Turned(0, 1) * Turned(1, 2) - Turned(0, 2) * Turned(1, 1);
        });
    }

    // x·log(y), of which one may be a number.
    private static void MultiplyByLogarithm(OperatorCall call)
    {
        if (!call[1].IsTensor)
            call.EmitIdentity(call.Label);
        else
            call.Rewrite(() => call[0].IsTensor ? call.Read(0) * call.Read(1).log() : call.Read(1).log() * call[0].Number);
    }

    private static void Product(OperatorCall call, string label)
    {
        if (!call[1].IsTensor)
        {
            call.EmitIdentity(label);
            return;
        }

        Value a = call[0].Tensor, b = call[1].Tensor;
        if (a.IsDynamic && b.IsDynamic && WrittenNormalisation.Find(a, b, label == "Div", call.Samples) is var (normalised, operation))
        {
            call.Emit(operation, [normalised]);
            return;
        }

        if (label == "Div" && a.IsDynamic && b.IsDynamic && (LocalResponse.IsQuotient(a, b) || IsSoftsign(a, b)))
        {
            call.Emit(new Identity(IsSoftsign(a, b) ? "softsign" : "LocalResponseNorm"), [a]);
            return;
        }

        if (label == "Mul" && a.IsDynamic && b.IsDynamic && WrittenActivation.Find(a, b) is var (source, activation))
        {
            call.Emit(activation, [source]);
            return;
        }

        bool sameSize = DeviceTensor.Count(call.Output.Sizes) == DeviceTensor.Count(a.Sizes);
        if (a.IsDynamic && !b.IsDynamic && sameSize)
            call.EmitIdentity(label);
        else
            call.Emit(new Multiply([a.IsDynamic, b.IsDynamic], label), [a, b]);
    }

    // x / (1 + |x|), which libtorch writes out: an activation.
    private static bool IsSoftsign(Value dividend, Value divisor) =>
        divisor.Producer is { Operation: Add { Addends: [{ Scale: 1 }], Constant: 1 } } sum
        && sum.InputValues[0].Producer is { Operation: Identity { Label: "abs" } } absolute && absolute.InputValues[0] == dividend;
}
