using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules.Contrast;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>Matrix product of two tensors of which at least one depends on the model's input, with broadcasting of the leading axes.</summary>
/// <param name="FirstIsDynamic">True if the first operand gets relevance.</param>
/// <param name="SecondIsDynamic">True if the second operand gets relevance.</param>
public sealed record MatrixProduct(bool FirstIsDynamic, bool SecondIsDynamic) : Operation
{
    /// <inheritdoc/>
    public override string Name => "MatMul";

    /// <summary>What an operand gets of every share.</summary>
    internal float Part => FirstIsDynamic && SecondIsDynamic ? 0.5f : 1;

    /// <inheritdoc/>
    public override bool ReadsInput(int index) => true;

    /// <inheritdoc/>
    public override void Check(NodeShapes shapes)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        shapes.HasInputs(2);
        string what = $"{NodeShapes.Text(shapes.Inputs[0])} and {NodeShapes.Text(shapes.Inputs[1])} have no product";
        shapes.Require(shapes.Inputs.All(input => input.Length > 0), what);
        (long[] a, long[] b) = MatrixFactors.AsMatrices(shapes.Inputs[0], shapes.Inputs[1]);
        long[] leading = MatrixFactors.Leading(a, b);
        shapes.Require(a[^1] == b[^2] && Fits(a) && Fits(b), what);
        shapes.Output(0, [.. leading, a[^2], b[^1]]);

        bool Fits(long[] shape) => shape.SkipLast(2).Reverse().Zip(leading.Reverse()).All(pair => pair.First == 1 || pair.First == pair.Second);
    }
}

/// <summary>
/// Every unit shares in proportion to |a·b|; of each share, two dynamic operands get half each and a single one gets all (rules.md, B.8, B.12).
/// </summary>
public sealed class MatrixProductRule : Rule<MatrixProduct>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, MatrixProduct operation)
    {
        MatrixFactors factors = new(context);
        ArrayView<float> relevance = context.Relevance().Values;
        ArrayView<float> coefficients = context.Scratch(relevance.Length);
        factors.Multiply(Part.Absolute, Part.Absolute, coefficients);
        context.Divide(relevance, coefficients);
        factors.HandOut(operation, coefficients, Part.Absolute);
    }

    /// <inheritdoc/>
    protected override void ApplyContrastive(RuleContext supporting, RuleContext opposing, MatrixProduct operation) =>
        ContrastiveProduct.Apply(new StreamPair(supporting, opposing), operation);
}
