using System.Runtime.CompilerServices;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;
using Backtrace.Gpu.Kernels.Rules.Contrast;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>One operand of an <see cref="Add"/>.</summary>
/// <param name="Scale">Factor of the operand in the sum: −1 for what is subtracted, torch's <c>alpha</c>.</param>
/// <param name="IsConstant">No relevance goes to this input: its share is reported as <see cref="LedgerEntry.Constant"/>.</param>
public sealed record Addend(float Scale = 1, bool IsConstant = false);

/// <summary>Sum or difference of any number of operands with broadcasting.</summary>
/// <param name="Addends">One per input.</param>
/// <param name="Constant">A scalar that is added, such as 3 in x + 3.</param>
/// <param name="Label">Name of the operator for people.</param>
public sealed record Add(IReadOnlyList<Addend> Addends, float Constant = 0, string Label = "Add") : Operation
{
    /// <inheritdoc/>
    public override string Name => Label;

    /// <inheritdoc/>
    public override bool ReadsInput(int index) => true;

    /// <inheritdoc/>
    public override void Check(NodeShapes shapes)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        shapes.HasInputs(Addends.Count);
        shapes.Broadcast();
    }
}

/// <summary>Every operand gets R·|a|/Σ|a| (rules.md, B.6).</summary>
public sealed class AddRule : Rule<Add>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, Add operation)
    {
        if (IsPlainPair(context, operation))
            Pair(context);
        else
            General(context, operation);
    }

    /// <inheritdoc/>
    protected override void ApplyContrastive(RuleContext supporting, RuleContext opposing, Add operation)
    {
        StreamPair pair = new(supporting, opposing);
        if (pair.HasOneSign && operation.Constant >= 0 && operation.Addends.All(a => a.Scale >= 0))
            pair.Each(context => Apply(context, operation));
        else if (IsPlainPair(supporting, operation))
            ContrastiveAdd.Pair(pair, operation);
        else
            ContrastiveAdd.General(pair, operation);
    }

    private static bool IsPlainPair(RuleContext context, Add operation)
    {
        long length = DeviceTensor.Count(context.OutputShape());
        return operation.Addends.Count == 2 && operation.Constant == 0
            && operation.Addends.All(a => Math.Abs(a.Scale) == 1 && !a.IsConstant)
            && DeviceTensor.Count(context.InputShape(0)) == length
            && DeviceTensor.Count(context.InputShape(1)) == length;
    }

    private static void Pair(RuleContext context)
    {
        ArrayView<float> relevance = context.Relevance().Values;
        PairTerm term = new()
        {
            A = context.Input(0).Values,
            B = context.Input(1).Values,
            Relevance = relevance,
            ToA = context.Give(0).Values,
            ToB = context.Give(1).Values,
        };
        context.Keep(LedgerEntry.Dropped, term, relevance.Length);
    }

    private static void General(RuleContext context, Add operation)
    {
        Device device = context.Device;
        long[] shape = context.OutputShape();
        ArrayView<float> relevance = context.Relevance().Values;
        ArrayView<float> coefficients = context.Scratch(relevance.Length);
        device.Run(new Fill { Target = coefficients, Value = Math.Abs(operation.Constant) }, relevance.Length);
        for (int k = 0; k < operation.Addends.Count; k++)
        {
            StridedSum absolute = StridedSum.OfAbsolute(Math.Abs(operation.Addends[k].Scale));
            absolute.Accumulate = 1;
            StridedMap.Broadcast(shape, context.InputShape(k)).Run(device, context.Input(k).Values, coefficients, absolute);
        }

        context.Divide(relevance, coefficients);
        for (int k = 0; k < operation.Addends.Count; k++)
        {
            float scale = Math.Abs(operation.Addends[k].Scale);
            ArrayView<float> values = context.Input(k).Values;
            if (operation.Addends[k].IsConstant)
            {
                ArrayView<float> spread = context.Scratch(relevance.Length);
                StridedMap.Broadcast(shape, context.InputShape(k)).Run(device, values, spread, StridedSum.OfAbsolute(scale));
                context.Keep(LedgerEntry.Constant, new ProductTerm { Values = coefficients, Weights = spread }, relevance.Length);
            }
            else
            {
                StridedMap.SumTo(context.InputShape(k), shape).Run(device, coefficients, context.Give(k).Values, StridedSum.TimesAbsolute(values, scale));
            }
        }

        if (operation.Constant != 0)
        {
            ArrayView<float> spread = context.Scratch(relevance.Length);
            device.Run(new Fill { Target = spread, Value = operation.Constant }, relevance.Length);
            context.Keep(LedgerEntry.Constant, new ProductTerm { Values = coefficients, Weights = spread }, relevance.Length);
        }
    }

    /// <summary>
    /// The residual connection in one pass over memory: writes both shares and returns what is dropped, as a term of the ledger's sum.
    /// </summary>
    internal unsafe struct PairTerm : ITerm
    {
        public ArrayView<float> A;
        public ArrayView<float> B;
        public ArrayView<float> Relevance;
        public ArrayView<float> ToA;
        public ArrayView<float> ToB;

        public readonly TermPointers Open() =>
            new() { A = A.Pointer(), B = B.Pointer(), C = Relevance.Pointer(), D = ToA.Pointer(), E = ToB.Pointer() };

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TLane At<TLane>(in TermPointers pointers, long row, long column)
            where TLane : struct, ILane<TLane>
        {
            long i = row + column;
            TLane a = TLane.Abs(TLane.Load(pointers.A + i));
            TLane b = TLane.Abs(TLane.Load(pointers.B + i));
            TLane relevance = TLane.Load(pointers.C + i);
            TLane sum = a + b;
            TLane.Store(pointers.D + i, TLane.WhereZero(sum, sum, relevance * (a / sum)));
            TLane.Store(pointers.E + i, TLane.WhereZero(sum, sum, relevance * (b / sum)));
            return TLane.WhereZero(sum, relevance, TLane.All(0));
        }
    }
}
