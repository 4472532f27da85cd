using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>
/// Each entry comes from one of two places, as a condition without relevance says. Inputs: the condition, which broadcasts, then the tensors that
/// depend on the model's input, one per place; a place that has none holds constants.
/// </summary>
/// <param name="First">Index of the input that is taken where the condition is not 0; −1 for constants.</param>
/// <param name="Second">Index of the input that is taken where the condition is 0; −1 for constants.</param>
/// <param name="Label">Name of the operator for people.</param>
public sealed record Where(int First, int Second, string Label = "Where") : Operation
{
    /// <inheritdoc/>
    public override string Name => Label;

    /// <inheritdoc/>
    public override bool ReadsInput(int index) => index == 0;

    /// <inheritdoc/>
    public override void Check(NodeShapes shapes)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        int places = Math.Max(First, Second);
        shapes.HasInputs(1 + Math.Max(places, 0));
        shapes.Require(First != 0 && Second != 0 && (First < 0 || First != Second), "input 0 is the condition, and each place has an input of its own");
        shapes.Broadcast();
    }
}

/// <summary>Relevance goes where the entry came from; that of constants is reported (rules.md, B.7).</summary>
public sealed class WhereRule : StreamwiseRule<Where>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, Where operation)
    {
        ArrayView<float> relevance = context.Relevance().Values;
        ArrayView<float> condition = context.Scratch(relevance.Length);
        ArrayView<float> first = context.Scratch(relevance.Length), second = context.Scratch(relevance.Length);
        StridedMap.Broadcast(context.OutputShape(), context.InputShape(0)).Run(context.Device, context.Input(0).Values, condition, StridedSum.Plain);
        context.Device.Run(new Cut { Condition = condition, Relevance = relevance, First = first, Second = second }, relevance.Length, workPerEntry: 4);
        Hand(context, operation.First, first);
        Hand(context, operation.Second, second);
    }

    private static void Hand(RuleContext context, int input, ArrayView<float> part)
    {
        if (input < 0)
            context.Keep(LedgerEntry.Constant, new ValueTerm { Values = part }, part.Length);
        else
            StridedMap.SumTo(context.InputShape(input), context.OutputShape()).Run(context.Device, part, context.Give(input).Values, StridedSum.Plain);
    }

    /// <summary>Relevance in two parts.</summary>
    internal unsafe struct Cut : IElementwise
    {
        public ArrayView<float> Condition;
        public ArrayView<float> Relevance;
        public ArrayView<float> First;
        public ArrayView<float> Second;

        public readonly void Run<TLane>(Share share)
            where TLane : struct, ILane<TLane>
        {
            float* condition = Condition.Pointer();
            float* relevance = Relevance.Pointer();
            float* first = First.Pointer();
            float* second = Second.Pointer();
            for (long i = share.Begin; i < share.End; i += share.Step)
            {
                TLane test = TLane.Load(condition + i);
                TLane all = TLane.Load(relevance + i);
                TLane none = TLane.All(0);
                TLane.Store(first + i, TLane.WhereZero(test, none, all));
                TLane.Store(second + i, TLane.WhereZero(test, all, none));
            }
        }
    }
}
