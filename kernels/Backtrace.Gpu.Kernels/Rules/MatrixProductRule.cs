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
