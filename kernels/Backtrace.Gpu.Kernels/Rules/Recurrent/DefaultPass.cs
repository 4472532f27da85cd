using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules.Lrp;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent;

/// <summary>
/// Default mode, or the epsilon rule, through one direction of one layer. All denominators and shares are computed for all steps at once; then, step by step, one
/// kernel and one product with the state's weights; at last one product for the inputs of all steps.
/// </summary>
/// <param name="context">The node.</param>
/// <param name="direction">The direction.</param>
/// <param name="epsilon">For the epsilon rule, which keeps signs: what is added to denominators; null in default mode.</param>
internal readonly struct DefaultPass(RuleContext context, CellDirection direction, float? epsilon)
{
    /// <param name="relevance">Relevance of the layer's result.</param>
    /// <param name="carryH">Relevance of the last h, which becomes that of the first.</param>
    /// <param name="carryC">The same of c.</param>
    /// <param name="target">Relevance of the layer's input.</param>
    public void Apply(
        ArrayView<float> relevance, ArrayView<float> carryH, ArrayView<float> carryC, ArrayView<float> target)
    {
        CellShape shape = direction.Shape;
        long own = shape.Rows * shape.Units;
        CellViews views = direction.Views;
        AddFactors(ref views);
        views.Relevance = relevance;
        views.CarryH = carryH;
        views.CarryC = carryC;
        views.ToX = context.Scratch(shape.Rows * shape.Width);
        views.ToH = context.Scratch(shape.Batch * shape.Width);
        views.Lost = context.Scratch(own);
        if (direction.Kernels.IsGated)
        {
            views.Direct = context.Scratch(shape.Batch * shape.Units);
            views.Taken = context.Scratch(own);
        }

        foreach ((int first, int rows) in direction.Steps(backwards: true))
        {
            direction.Kernels.Relevance(context.Device, views, shape, first, rows);
            Back(views, first, rows);
        }

        ToInput(views.ToX, target);
        Account(views);
    }

    private void AddFactors(ref CellViews views)
    {
        CellShape shape = direction.Shape;
        views.MassX = context.Shared(shape.Rows * shape.Width, out bool isNew);
        views.MassH = context.Shared(shape.Rows * shape.Width, out _);
        views.Factors = context.Shared(direction.Kernels.FactorPlanes * shape.Rows * shape.Units, out _);
        if (!isNew)
            return;
        if (direction.Kernels.IsGated)
            views.BiasH = direction.StateBias.IsValid ? direction.StateBias : Zeros(shape.Width);
        if (epsilon is { } small)
        {
            views.Epsilon = small;
            direction.Kernels.SignedFactors(context.Device, views, shape);
            return;
        }

        context.Contraction.Linear(
            direction.InputProduct, Operand.Abs(direction.Input), Operand.Abs(direction.InputWeight), Absolute(direction.InputBias), views.MassX, default(NoEpilogue));
        context.Contraction.Linear(
            direction.StateProduct((int)shape.Rows), Operand.Abs(views.Hidden), Operand.Abs(direction.StateWeight), Absolute(direction.StateBias), views.MassH, default(NoEpilogue));
        direction.Kernels.Factors(context.Device, views, shape);
    }

    private static Operand Absolute(ArrayView<float> bias) => bias.IsValid ? Operand.Abs(bias) : Operand.None;

    private ArrayView<float> Zeros(long length)
    {
        ArrayView<float> zeros = context.Scratch(length);
        context.Device.Run(new Fill { Target = zeros, Value = 0 }, length);
        return zeros;
    }

    // The relevance of h before this step: |h| · |W|ᵀc, and what passed no matrix.
    private void Back(in CellViews views, int first, int rows)
    {
        long units = direction.Shape.Units, length = rows * units;
        ArrayView<float> carry = views.CarryH.SubView(0, length), hidden = views.Hidden.SubView(first * units, length);
        Operand coefficients = Operand.Of(views.ToH.SubView(0, rows * direction.Shape.Width)), weight = Read(direction.StateWeight);
        LinearShape product = direction.StateProduct(rows);
        if (direction.Kernels.IsGated)
            ScaleAndAdd(product, coefficients, weight, hidden, carry, views.Direct, carry);
        else
            Scale(product, coefficients, weight, hidden, carry);
    }

    // The second direction adds to what the first one left.
    private void ToInput(ArrayView<float> coefficients, ArrayView<float> target)
    {
        Operand c = Operand.Of(coefficients), weight = Read(direction.InputWeight);
        if (direction.Shape.ResultOffset == 0)
        {
            Scale(direction.InputProduct, c, weight, direction.Input, target);
            return;
        }

        ArrayView<float> part = context.Scratch(target.Length);
        ScaleAndAdd(direction.InputProduct, c, weight, direction.Input, part, target, target);
    }

    private Operand Read(ArrayView<float> weight) => epsilon is null ? Operand.Abs(weight) : Operand.Of(weight);

    private void Scale(LinearShape product, Operand coefficients, Operand weight, ArrayView<float> x, ArrayView<float> values)
    {
        if (epsilon is null)
            context.Contraction.LinearTransposed(product, coefficients, weight, values, new ScaleByAbsolute { Activation = x, Values = values });
        else
            context.Contraction.LinearTransposed(product, coefficients, weight, values, new PartByValue { Activation = x, Values = values, Factor = 1 });
    }

    private void ScaleAndAdd(LinearShape product, Operand coefficients, Operand weight, ArrayView<float> x, ArrayView<float> values, ArrayView<float> start, ArrayView<float> target)
    {
        ScaleAndAdd last = new() { Activation = x, Values = values, Base = start, Target = target, IsSigned = epsilon is null ? 0 : 1 };
        context.Contraction.LinearTransposed(product, coefficients, weight, values, last);
    }

    private void Account(in CellViews views)
    {
        context.Keep(LedgerEntry.Dropped, new ValueTerm { Values = views.Lost }, views.Lost.Length);
        if (!direction.InputBias.IsValid)
            return;
        if (direction.Kernels.IsGated)
            context.Keep(LedgerEntry.Bias, new ValueTerm { Values = views.Taken }, views.Taken.Length);
        long samples = direction.Shape.Rows % context.Samples == 0 ? context.Samples : 1;
        ArrayView<float> scratch = context.Scratch(BiasSums.ScratchLength(samples, views.ToX.Length / samples, direction.Shape.Width));
        BiasSums.Add(context.Device, views.ToX, Read(direction.InputBias), samples, context.Account(LedgerEntry.Bias).SubView(0, samples), scratch);
    }
}
