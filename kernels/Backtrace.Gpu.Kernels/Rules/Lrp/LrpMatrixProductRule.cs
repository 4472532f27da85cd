using Backtrace.Gpu.Kernels.Contraction;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Lrp;

/// <summary>
/// Every unit shares by R·a·b / (Σab ± ε); of each share, two dynamic operands get half each: R·a·b / (2Σab ± ε), AttnLRP's proposition 3.3 (Achtibat
/// et al. 2024). A single one gets all.
/// </summary>
/// <param name="epsilon">Added to the denominator, away from 0.</param>
public sealed class LrpMatrixProductRule(float epsilon = LrpFormula.DefaultEpsilon) : StreamwiseRule<MatrixProduct>
{
    /// <inheritdoc/>
    public override bool IsSigned => true;

    /// <inheritdoc/>
    protected override void Apply(RuleContext context, MatrixProduct operation)
    {
        // The recorded output may contain a mask, so the product is computed again.
        MatrixFactors factors = new(context);
        ArrayView<float> products = context.Scratch(context.Relevance().Length);
        factors.Multiply(Part.Signed, Part.Signed, products);
        ArrayView<float> coefficients = Stabilised.Divide(context, products, operation.Part * epsilon);
        factors.HandOut(operation, coefficients, Part.Signed);
    }
}
