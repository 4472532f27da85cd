using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>
/// The contrastive rule of matrix products of two tensors: the four quadrants of their signs (rules.md, B.0.2, B.12), fewer where an operand cannot
/// be negative; <see cref="SignedProduct"/> where both can and the sums are long.
/// </summary>
internal static class ContrastiveProduct
{
    public static void Apply(in StreamPair pair, MatrixProduct operation)
    {
        RuleContext context = pair.Supporting;
        MatrixFactors factors = new(context);
        bool firstHasSigns = !context.IsNonNegative(0), secondHasSigns = !context.IsNonNegative(1);
        if (firstHasSigns && secondHasSigns && factors.Shape.Depth >= SignedProduct.Fewest)
        {
            SignedProduct.Apply(pair, operation, factors);
            return;
        }

        ArrayView<float> p = context.Scratch(pair.Units), n = context.Scratch(pair.Units);
        factors.Multiply(Part.Positive, Part.Positive, p);
        factors.Multiply(Part.Positive, Part.Negative, n);
        if (firstHasSigns)
        {
            factors.Multiply(Part.Negative, Part.Negative, p, accumulates: true);
            factors.Multiply(Part.Negative, Part.Positive, n, accumulates: true);
        }

        (ArrayView<float> toP, ArrayView<float> toN) = pair.Share(p, n);
        if (operation.FirstIsDynamic)
            Give(pair, 0, operation.Part, factors, factors.First, toP, toN, firstHasSigns, secondHasSigns, factors.ToFirst);
        if (operation.SecondIsDynamic)
            Give(pair, 1, operation.Part, factors, factors.Second, toP, toN, secondHasSigns, firstHasSigns, factors.ToSecond);
    }

    private delegate void Back(ArrayView<float> coefficients, Part other, ArrayView<float> target, bool accumulates);

    private static void Give(
        in StreamPair pair, int index, float part, MatrixFactors factors, ArrayView<float> operand, ArrayView<float> toP, ArrayView<float> toN, bool hasSigns, bool otherHasSigns, Back back)
    {
        ArrayView<float> u = pair.Supporting.Scratch(operand.Length);
        ArrayView<float> v = hasSigns ? pair.Supporting.Scratch(operand.Length) : u;
        long units = pair.Units, offset = 0;
        foreach (RuleContext stream in (ReadOnlySpan<RuleContext>)[pair.Supporting, pair.Opposing])
        {
            ArrayView<float> ofP = toP.SubView(offset, units), ofN = toN.SubView(offset, units);
            back(ofP, Part.Positive, u, false);
            if (otherHasSigns)
                back(ofN, Part.Negative, u, true);
            if (hasSigns)
            {
                back(ofN, Part.Positive, v, false);
                if (otherHasSigns)
                    back(ofP, Part.Negative, v, true);
            }

            ArrayView<float> target = MatrixFactors.Target(stream, index, operand);
            pair.Device.Run(new JoinSides { X = operand, Factor = part, U = u, V = v, Target = target }, target.Length, workPerEntry: 4);
            factors.Reduce(stream, index, target);
            offset += units;
        }
    }
}
