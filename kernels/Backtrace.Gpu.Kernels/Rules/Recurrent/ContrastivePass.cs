using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent;

/// <summary>
/// Contrastive mode through one direction of one layer. Masses p and n are sums of terms ≥ 0, as everywhere, and so is what is handed back:
/// four rows per row, the shares of p and of n in both streams, times W⁺ and times W⁻.
/// </summary>
internal sealed class ContrastivePass(RuleContext supporting, RuleContext opposing, CellDirection direction)
{
    private readonly CellShape shape = direction.Shape;
    private readonly CellDirection direction = direction;

    /// <param name="relevance">Relevance of the layer's result in both streams.</param>
    /// <param name="carryH">Relevance of the last h, which becomes that of the first, [2, N, U].</param>
    /// <param name="carryC">The same of c.</param>
    /// <param name="targets">Relevance of the layer's input in both streams.</param>
    public void Apply(
        (ArrayView<float> Supporting, ArrayView<float> Opposing) relevance,
        ArrayView<float> carryH,
        ArrayView<float> carryC,
        (ArrayView<float> Supporting, ArrayView<float> Opposing) targets)
    {
        long own = shape.Rows * shape.Units, state = shape.Batch * shape.Units;
        CellViews views = direction.Views;
        views.MassX = Masses(direction.InputProduct, direction.Input, direction.InputWeight);
        views.MassH = Masses(direction.StateProduct((int)shape.Rows), views.Hidden, direction.StateWeight);
        (views.Relevance, views.Opposing) = relevance;
        views.CarryH = carryH;
        views.CarryC = carryC;
        views.Direct = supporting.Scratch(2 * state);
        views.ToX = supporting.Scratch(4 * shape.Rows * shape.Width);
        views.ToH = supporting.Scratch(4 * shape.Batch * shape.Width);
        views.Lost = supporting.Scratch(2 * own);
        ArrayView<float> positive = supporting.Scratch(4 * state), negative = supporting.Scratch(4 * state);
        foreach ((int first, int rows) in direction.Steps(backwards: true))
        {
            direction.Kernels.Streams(supporting.Device, views, shape, first, rows);
            long length = rows * shape.Units;
            Quadrants back = new(positive.SubView(0, 4 * length), negative.SubView(0, 4 * length), length);
            Multiply(direction.StateProduct(4 * rows), views.ToH, direction.StateWeight, back);
            ArrayView<float> hidden = views.Hidden.SubView(first * shape.Units, length);
            for (int stream = 0; stream < 2; stream++)
                Join(back, stream, hidden, direction.Kernels.IsGated ? views.Direct.SubView(stream * state) : default, carryH.SubView(stream * state, length));
        }

        long entries = direction.Input.Length;
        Quadrants all = new(supporting.Scratch(4 * entries), supporting.Scratch(4 * entries), entries);
        Multiply(direction.InputProduct with { Rows = 4 * (int)shape.Rows }, views.ToX, direction.InputWeight, all);
        bool isSecond = shape.ResultOffset != 0;
        Join(all, 0, direction.Input, isSecond ? targets.Supporting : default, targets.Supporting);
        Join(all, 1, direction.Input, isSecond ? targets.Opposing : default, targets.Opposing);
        supporting.Keep(LedgerEntry.Dropped, new ValueTerm { Values = views.Lost.SubView(0, own) }, own);
        opposing.Keep(LedgerEntry.Dropped, new ValueTerm { Values = views.Lost.SubView(own, own) }, own);
    }

    // p = W⁺x⁺ + W⁻x⁻, then n = W⁻x⁺ + W⁺x⁻.
    private ArrayView<float> Masses(LinearShape product, ArrayView<float> x, ArrayView<float> weight)
    {
        long units = (long)product.Rows * product.Outputs;
        ArrayView<float> masses = supporting.Scratch(2 * units), part = supporting.Scratch(units);
        for (int side = 0; side < 2; side++)
        {
            ArrayView<float> mass = masses.SubView(side * units, units);
            Operand same = side == 0 ? Operand.Positive(weight) : Operand.Negative(weight), other = side == 0 ? Operand.Negative(weight) : Operand.Positive(weight);
            supporting.Contraction.Linear(product, Operand.Positive(x), same, Operand.None, mass, default(NoEpilogue));
            supporting.Contraction.Linear(product, Operand.Negative(x), other, Operand.None, part, new Accumulate { Source = part, Target = mass });
        }

        return masses;
    }

    private void Multiply(LinearShape product, ArrayView<float> shares, ArrayView<float> weight, Quadrants target)
    {
        Operand rows = Operand.Of(shares.SubView(0, (long)product.Rows * product.Outputs));
        supporting.Contraction.LinearTransposed(product, rows, Operand.Positive(weight), target.Positive, default(NoEpilogue));
        supporting.Contraction.LinearTransposed(product, rows, Operand.Negative(weight), target.Negative, default(NoEpilogue));
    }

    private void Join(Quadrants quadrants, int stream, ArrayView<float> x, ArrayView<float> start, ArrayView<float> target)
    {
        JoinQuadrants join = new()
        {
            X = x,
            PositiveToP = quadrants.Of(quadrants.Positive, stream),
            PositiveToN = quadrants.Of(quadrants.Positive, 2 + stream),
            NegativeToP = quadrants.Of(quadrants.Negative, stream),
            NegativeToN = quadrants.Of(quadrants.Negative, 2 + stream),
            Base = start.IsValid ? start : x,
            HasBase = start.IsValid ? 1 : 0,
            Target = target,
        };
        supporting.Device.Run(join, x.Length, workPerEntry: 7);
    }

    /// <summary>Four planes times W⁺ and times W⁻.</summary>
    private readonly record struct Quadrants(ArrayView<float> Positive, ArrayView<float> Negative, long Plane)
    {
        public ArrayView<float> Of(ArrayView<float> values, int plane) => values.SubView(plane * Plane, Plane);
    }
}
