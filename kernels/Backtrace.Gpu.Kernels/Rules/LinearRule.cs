using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules.Contrast;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>A dense layer y[.., J] = x[.., I] · W[J, I]ᵀ + b. Parameters <c>weight</c>, <c>bias</c>.</summary>
/// <param name="Shape">Sizes; all leading axes count as rows.</param>
public sealed record Linear(LinearShape Shape) : Operation
{
    /// <inheritdoc/>
    public override string Name => "Linear";

    /// <inheritdoc/>
    public override bool ReadsInput(int index) => true;

    /// <inheritdoc/>
    public override bool ReadsOutput(Mode mode) => mode == Mode.Contrastive;

    /// <inheritdoc/>
    public override void Check(NodeShapes shapes)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        shapes.HasInputs(1);
        shapes.Input(0, Shape.Rows, Shape.Inputs);
        shapes.Output(0, Shape.Rows, Shape.Outputs);
        shapes.Parameter("weight", Shape.Outputs, Shape.Inputs);
        shapes.OptionalParameter("bias", Shape.Outputs);
    }
}

/// <summary>The rule of dense layers (rules.md, B.2).</summary>
public sealed class LinearRule : Rule<Linear>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, Linear operation)
    {
        if (FewUnits.Find(operation.Shape, context.Samples, context.Entries) is { } few)
            few.Run([context], reduced => Apply(reduced[0], (Linear)reduced[0].Operation));
        else if (context.SeedCount == 1 && Slices.Count(context, operation.Shape, FloatsPerRow(operation.Shape, Mode.Default)) is var slices and > 1)
            Slices.Run([context], operation.Shape, slices, (part, shape) => Affine.Apply(part[0], new Map(shape), inner: 1));
        else
            Affine.Apply(context, new Map(operation.Shape), inner: 1);
    }

    /// <inheritdoc/>
    protected override void ApplyContrastive(RuleContext supporting, RuleContext opposing, Linear operation)
    {
        LinearShape shape = operation.Shape;
        if (FewUnits.Find(shape, supporting.Samples, supporting.Entries, opposing.Entries) is { } few)
            few.Run([supporting, opposing], reduced => ApplyContrastive(reduced[0], reduced[1], (Linear)reduced[0].Operation));
        else if (Slices.Count(supporting, shape, FloatsPerRow(shape, Mode.Contrastive)) is var slices and > 1)
            Slices.Run([supporting, opposing], shape, slices, (part, rows) => Contrast(new StreamPair(part[0], part[1]), rows));
        else
            Contrast(new StreamPair(supporting, opposing), shape);
    }

    // Memory of a row that is gone through more than once: inputs, coefficients, relevance on both sides; masses, list, shares of both streams, a product.
    private static long FloatsPerRow(LinearShape shape, Mode mode) => mode == Mode.Default ? 2L * (shape.Inputs + shape.Outputs) : 7L * shape.Outputs + shape.Inputs;

    private static void Contrast(StreamPair pair, LinearShape shape)
    {
        if (shape.Inputs < ContrastiveLinear.Fewest && !pair.HasOneSign)
            ContrastiveAffine.Apply(pair, new Map(shape), new Map(shape with { Rows = 2 * shape.Rows }));
        else
            ContrastiveLinear.Apply(pair, shape);
    }

    internal readonly struct Map(LinearShape shape) : ILinearMap
    {
        public Operand Magnitudes(RuleContext context) => context.Magnitudes("weight", shape);

        public void Forward<TEpilogue>(IContraction contraction, Operand x, Operand weight, Operand bias, ArrayView<float> y, TEpilogue epilogue)
            where TEpilogue : struct, IElementwise =>
            contraction.Linear(shape, x, weight, bias, y, epilogue);

        public void Values(IContraction contraction, Operand x, Operand weight, Operand bias, ArrayView<float> y) =>
            contraction.Linear(shape with { IsExact = true }, x, weight, bias, y, default(NoEpilogue));

        public void Transposed<TEpilogue>(IContraction contraction, Operand y, Operand weight, ArrayView<float> x, TEpilogue epilogue)
            where TEpilogue : struct, IElementwise =>
            contraction.LinearTransposed(shape, y, weight, x, epilogue);
    }
}
