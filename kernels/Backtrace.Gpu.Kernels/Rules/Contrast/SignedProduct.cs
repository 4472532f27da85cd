using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>The contrastive rule of a matrix product whose operands both have signs, in the form of wide dense layers (rules.md, E.1, E.2).</summary>
internal sealed class SignedProduct
{
    /// <summary>Shorter sums are often of one sign, or nearly.</summary>
    public const int Fewest = 16;

    private readonly StreamPair pair;
    private readonly MatrixProduct operation;
    private readonly MatrixFactors factors;
    private readonly ProductShape shape;

    // The second operand with its axes exchanged, [batch, columns, depth].
    private readonly ArrayView<float> second;
    private readonly ListedUnits listed;

    private SignedProduct(in StreamPair pair, MatrixProduct operation, MatrixFactors factors)
    {
        (this.pair, this.operation, this.factors) = (pair, operation, factors);
        RuleContext context = pair.Supporting;
        shape = factors.Shape;
        second = context.Scratch(factors.Second.Length);
        Turn(shape.Depth, shape.Columns).Run(context.Device, factors.Second, second, StridedSum.Plain);
        UnitOperands operands = new()
        {
            X = factors.First,
            W = second,
            Rows = shape.Rows,
            Outputs = shape.Columns,
            Inputs = shape.Depth,
            StrideX = (long)shape.Rows * shape.Depth,
            StrideW = (long)shape.Columns * shape.Depth,
        };
        listed = Listed(operands, (long)shape.Batch * shape.Rows);
    }

    public static void Apply(in StreamPair pair, MatrixProduct operation, MatrixFactors factors)
    {
        SignedProduct product = new(pair, operation, factors);
        if (operation.FirstIsDynamic)
            product.GiveFirst();
        if (operation.SecondIsDynamic)
            product.GiveSecond();
    }

    // Masses and shares of all units; of those that are listed, no shares in the products.
    private ListedUnits Listed(UnitOperands operands, long rows)
    {
        RuleContext context = pair.Supporting;
        long units = pair.Units;
        ArrayView<float> value = context.Scratch(units);
        LinearUnits masses = new(context.Scratch(units), context.Scratch(units), context.Scratch(rows * (shape.Columns + 1)));
        ProductShape forward = shape with { TransposedB = true, IsExact = true };
        context.Contraction.Products(forward, Operand.Of(operands.X), Operand.Of(operands.W), value, default(NoEpilogue));
        LinearUnits.OfProduct(context, forward, operands, value, masses);
        SignedShares shares = SignedShares.Of(pair, masses.P, masses.N, value);
        ListedUnits result = new() { Operands = operands, List = masses.List, Shares = shares, Part = operation.Part };
        context.Device.RunItems(new WithoutListed { Units = result }, rows, 4);
        return result;
    }

    private void GiveFirst()
    {
        ArrayView<float> first = factors.First;
        SignedSums sums = new(pair, first, MatrixFactors.Target(pair.Supporting, 0, first), MatrixFactors.Target(pair.Opposing, 0, first));
        Multiply(new ProductShape(shape.Batch, shape.Rows, shape.Depth, shape.Columns), second, sums);
        UnbalancedRelevance.Run(pair.Device, listed, (long)shape.Batch * shape.Rows, sums.Supporting, sums.Opposing);
        sums.Finish(operation.Part);
        factors.Reduce(pair.Supporting, 0, sums.Supporting);
        factors.Reduce(pair.Opposing, 0, sums.Opposing);
    }

    private void GiveSecond()
    {
        RuleContext context = pair.Supporting;
        SignedSums sums = new(pair, second, context.Scratch(second.Length), context.Scratch(second.Length));
        Multiply(new ProductShape(shape.Batch, shape.Columns, shape.Depth, shape.Rows) { TransposedA = true }, factors.First, sums);
        UnbalancedWeights.Run(pair.Device, listed, shape.Batch, sums.Supporting, sums.Opposing);
        sums.Finish(operation.Part);
        GiveSecond(pair.Supporting, sums.Supporting);
        GiveSecond(pair.Opposing, sums.Opposing);
    }

    private void GiveSecond(RuleContext stream, ArrayView<float> relevance)
    {
        ArrayView<float> target = MatrixFactors.Target(stream, 1, factors.Second);
        Turn(shape.Columns, shape.Depth).Run(stream.Device, relevance, target, StridedSum.Plain);
        factors.Reduce(stream, 1, target);
    }

    private void Multiply(ProductShape product, ArrayView<float> other, SignedSums sums)
    {
        long units = listed.Shares.Units;
        for (int stream = 0; stream < 2; stream++)
        {
            Operand alpha = Operand.Of(listed.Shares.Alpha.SubView(stream * units, units)), beta = Operand.Of(listed.Shares.Beta.SubView(stream * units, units));
            pair.Supporting.Contraction.Products(product, alpha, Operand.Abs(other), sums.Absolute(stream), default(NoEpilogue));
            pair.Supporting.Contraction.Products(product, beta, Operand.Of(other), sums.Signed(stream), default(NoEpilogue));
        }
    }

    // From [batch, a, b] to [batch, b, a].
    private StridedMap Turn(long a, long b) => new([new StrideAxis(shape.Batch, a * b, a * b), new StrideAxis(b, a, 1), new StrideAxis(a, 1, b)]);
}
