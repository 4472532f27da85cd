using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent;

/// <summary>
/// Default mode through one direction of one layer. All denominators and shares are computed for all steps at once; then, step by step, one
/// kernel and one product with the state's weights; at last one product for the inputs of all steps.
/// </summary>
internal static class DefaultPass
{
    /// <param name="context">The node.</param>
    /// <param name="direction">The direction.</param>
    /// <param name="relevance">Relevance of the layer's result.</param>
    /// <param name="carryH">Relevance of the last h, which becomes that of the first.</param>
    /// <param name="carryC">The same of c.</param>
    /// <param name="target">Relevance of the layer's input.</param>
    public static void Apply(
        RuleContext context, CellDirection direction, ArrayView<float> relevance, ArrayView<float> carryH, ArrayView<float> carryC, ArrayView<float> target)
    {
        CellShape shape = direction.Shape;
        long own = shape.Rows * shape.Units;
        CellViews views = direction.Views;
        AddFactors(context, direction, ref views);
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
            Back(context, direction, views, first, rows);
        }

        ToInput(context, direction, views.ToX, target);
        Account(context, direction, views);
    }

    private static void AddFactors(RuleContext context, CellDirection direction, ref CellViews views)
    {
        CellShape shape = direction.Shape;
        views.MassX = context.Shared(shape.Rows * shape.Width, out bool isNew);
        views.MassH = context.Shared(shape.Rows * shape.Width, out _);
        views.Factors = context.Shared(direction.Kernels.FactorPlanes * shape.Rows * shape.Units, out _);
        if (!isNew)
            return;
        if (direction.Kernels.IsGated)
            views.BiasH = direction.StateBias.IsValid ? direction.StateBias : Zeros(context, shape.Width);
        context.Contraction.Linear(
            direction.InputProduct, Operand.Abs(direction.Input), Operand.Abs(direction.InputWeight), Absolute(direction.InputBias), views.MassX, default(NoEpilogue));
        context.Contraction.Linear(
            direction.StateProduct((int)shape.Rows), Operand.Abs(views.Hidden), Operand.Abs(direction.StateWeight), Absolute(direction.StateBias), views.MassH, default(NoEpilogue));
        direction.Kernels.Factors(context.Device, views, shape);
    }

    private static Operand Absolute(ArrayView<float> bias) => bias.IsValid ? Operand.Abs(bias) : Operand.None;

    private static ArrayView<float> Zeros(RuleContext context, long length)
    {
        ArrayView<float> zeros = context.Scratch(length);
        context.Device.Run(new Fill { Target = zeros, Value = 0 }, length);
        return zeros;
    }

    // The relevance of h before this step: |h| · |W|ᵀc, and what passed no matrix.
    private static void Back(RuleContext context, CellDirection direction, in CellViews views, int first, int rows)
    {
        long units = direction.Shape.Units, length = rows * units;
        ArrayView<float> carry = views.CarryH.SubView(0, length), hidden = views.Hidden.SubView(first * units, length);
        Operand coefficients = Operand.Of(views.ToH.SubView(0, rows * direction.Shape.Width)), weight = Operand.Abs(direction.StateWeight);
        LinearShape product = direction.StateProduct(rows);
        if (direction.Kernels.IsGated)
            context.Contraction.LinearTransposed(product, coefficients, weight, carry, new ScaleAndAdd { Activation = hidden, Values = carry, Base = views.Direct, Target = carry });
        else
            context.Contraction.LinearTransposed(product, coefficients, weight, carry, new ScaleByAbsolute { Activation = hidden, Values = carry });
    }

    // The second direction adds to what the first one left.
    private static void ToInput(RuleContext context, CellDirection direction, ArrayView<float> coefficients, ArrayView<float> target)
    {
        Operand c = Operand.Of(coefficients), weight = Operand.Abs(direction.InputWeight);
        if (direction.Shape.ResultOffset == 0)
        {
            context.Contraction.LinearTransposed(direction.InputProduct, c, weight, target, new ScaleByAbsolute { Activation = direction.Input, Values = target });
            return;
        }

        ArrayView<float> part = context.Scratch(target.Length);
        context.Contraction.LinearTransposed(
            direction.InputProduct, c, weight, part, new ScaleAndAdd { Activation = direction.Input, Values = part, Base = target, Target = target });
    }

    private static void Account(RuleContext context, CellDirection direction, in CellViews views)
    {
        context.Keep(LedgerEntry.Dropped, new ValueTerm { Values = views.Lost }, views.Lost.Length);
        if (!direction.InputBias.IsValid)
            return;
        if (direction.Kernels.IsGated)
            context.Keep(LedgerEntry.Bias, new ValueTerm { Values = views.Taken }, views.Taken.Length);
        long samples = direction.Shape.Rows % context.Samples == 0 ? context.Samples : 1;
        ArrayView<float> scratch = context.Scratch(BiasSums.ScratchLength(samples, views.ToX.Length / samples, direction.Shape.Width));
        BiasSums.Add(context.Device, views.ToX, Operand.Abs(direction.InputBias), samples, context.Account(LedgerEntry.Bias).SubView(0, samples), scratch);
    }
}
