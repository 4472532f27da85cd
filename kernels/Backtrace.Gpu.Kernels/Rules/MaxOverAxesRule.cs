using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>Maximum over any axes, whether or not they stay with size 1; relevance is that of output 0 (the values).</summary>
/// <param name="Axes">The axes, counted from the front; negative ones from the end.</param>
/// <param name="Label">Name of the operator for people.</param>
public sealed record MaxOverAxes(IReadOnlyList<int> Axes, string Label = "Max") : Operation
{
    /// <inheritdoc/>
    public override string Name => Label;

    /// <inheritdoc/>
    public override bool ReadsInput(int index) => true;

    /// <inheritdoc/>
    public override void Check(NodeShapes shapes)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        shapes.Reduces(Axes);
    }
}

/// <summary>All entries that equal the maximum share equally (rules.md, B.5).</summary>
public sealed class MaxOverAxesRule : StreamwiseRule<MaxOverAxes>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, MaxOverAxes operation) =>
        Apply(context, context.InputShape(0), operation.Axes);

    /// <summary>The rule for an input of this shape.</summary>
    internal static void Apply(RuleContext context, long[] shape, IReadOnlyList<int> axes)
    {
        long[] reduced = SumOverAxesRule.Reduced(shape, axes);
        ArrayView<float> x = context.Input(0).Values;
        ArrayView<float> relevance = context.Relevance().Values;
        ArrayView<float> coefficients = context.Scratch(relevance.Length);
        ArrayView<float> maxima = context.Scratch(relevance.Length);
        StridedMap reduction = StridedMap.SumTo(reduced, shape);
        Maxima find = new()
        {
            X = x,
            Relevance = relevance,
            Value = maxima,
            Coefficient = coefficients,
            Kept = AxisNest.Of(reduction.Kept),
            Loops = AxisNest.Of(reduction.Loops),
        };
        find.LoopTotal = find.Loops.Total;
        context.Device.RunItems(find, relevance.Length, find.LoopTotal);
        Winners spread = new()
        {
            X = x,
            Value = maxima,
            Coefficient = coefficients,
            Target = context.Give(0).Values,
            Axes = AxisNest.Of(StridedMap.Broadcast(shape, reduced).Kept),
        };
        context.Device.RunItems(spread, x.Length, 2);
    }

    /// <summary>The maximum of each group and R divided by the number of entries that reach it.</summary>
    internal unsafe struct Maxima : IKernel
    {
        public ArrayView<float> X;
        public ArrayView<float> Relevance;
        public ArrayView<float> Value;
        public ArrayView<float> Coefficient;
        public AxisNest Kept;
        public AxisNest Loops;
        public long LoopTotal;

        public readonly void Run(Share share)
        {
            float* x = X.Pointer();
            float* relevance = Relevance.Pointer();
            float* value = Value.Pointer();
            float* coefficient = Coefficient.Pointer();
            for (long i = share.Begin; i < share.End; i += share.Step)
            {
                long group = Kept.Locate(i).Source;
                float largest = x[group];
                float count = 0;
                for (long k = 0; k < LoopTotal;)
                {
                    long line = group + Loops.Locate(k).Source;
                    for (long n = 0; n < Loops.Count0; n++)
                    {
                        float v = x[line + n * Loops.Source0];
                        if (v > largest)
                        {
                            largest = v;
                            count = 0;
                        }

                        count += v == largest ? 1f : 0f;
                    }

                    k += Loops.Count0;
                }

                value[i] = largest;
                coefficient[i] = count == 0 ? 0 : relevance[i] / count;
            }
        }
    }

    /// <summary>Hands the coefficient to the entries that equal their group's maximum.</summary>
    internal unsafe struct Winners : IKernel
    {
        public ArrayView<float> X;
        public ArrayView<float> Value;
        public ArrayView<float> Coefficient;
        public ArrayView<float> Target;
        public AxisNest Axes;

        public readonly void Run(Share share)
        {
            float* x = X.Pointer();
            float* value = Value.Pointer();
            float* coefficient = Coefficient.Pointer();
            float* target = Target.Pointer();
            for (long i = share.Begin; i < share.End;)
            {
                Place at = Axes.Locate(i);
                long run = share.Step == 1 ? IntrinsicMath.Min(Axes.Count0 - at.Inner, share.End - i) : 1;
                for (long k = 0; k < run; k++)
                {
                    long group = at.Source + k * Axes.Source0;
                    target[i + k] = x[i + k] == value[group] ? coefficient[group] : 0;
                }

                i += share.Step == 1 ? run : share.Step;
            }
        }
    }
}
