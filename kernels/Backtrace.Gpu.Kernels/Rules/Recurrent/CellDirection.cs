using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent;

/// <summary>
/// One direction of one layer: computes its gates and states again, once for all seeds, because libtorch keeps none of them. The products
/// with W of the input are one contraction for all steps; those with W of the state follow the steps.
/// </summary>
internal sealed class CellDirection
{
    private readonly RuleContext context;
    private readonly RecurrentSteps steps;
    private readonly bool isReverse;

    public CellDirection(RuleContext context, RecurrentLayers operation, int layer, int direction, ArrayView<float> input, ArrayView<float> result)
    {
        this.context = context;
        steps = operation.Steps;
        isReverse = direction == 1;
        Kernels = CellKernels.Of(operation.Cell);
        Index = layer * operation.Directions + direction;
        string ending = $"_l{layer}{(isReverse ? "_reverse" : "")}";
        InputWeight = context.Parameter("weight_ih" + ending)!.Value.Values;
        StateWeight = context.Parameter("weight_hh" + ending)!.Value.Values;
        long units = context.InputShape(1)[^1];
        Input = input;
        Inputs = (int)(input.Length / steps.Total);
        Shape = new CellShape
        {
            Units = units,
            Width = units * Kernels.Gates,
            Batch = steps.Batch,
            Rows = steps.Total,
            Period = steps.BatchFirst ? steps.Batch : steps.Total,
            PeriodStride = 1,
            RowStride = steps.BatchFirst ? steps.Count : 1,
            ResultWidth = units * operation.Directions,
            ResultOffset = units * direction,
        };
        (InputBias, StateBias) = Biases(context.Parameter("bias_ih" + ending)?.Values ?? default, context.Parameter("bias_hh" + ending)?.Values ?? default);
        Views = Recompute(result);
    }

    /// <summary>Position among all directions of all layers.</summary>
    public int Index { get; }

    public CellKernels Kernels { get; }

    public CellShape Shape { get; }

    /// <summary>Recomputed activations; what relevance needs is added by the passes.</summary>
    public CellViews Views { get; }

    /// <summary>What the layer reads, [P, I].</summary>
    public ArrayView<float> Input { get; }

    /// <summary>I.</summary>
    public int Inputs { get; }

    public ArrayView<float> InputWeight { get; }

    public ArrayView<float> StateWeight { get; }

    /// <summary>Bias of the input's side; invalid where there is none.</summary>
    public ArrayView<float> InputBias { get; }

    /// <summary>Bias of the state's side, for GRUs only.</summary>
    public ArrayView<float> StateBias { get; }

    /// <summary>The product of all rows with the input's weights.</summary>
    public LinearShape InputProduct => new((int)Shape.Rows, Inputs, (int)Shape.Width);

    /// <summary>The product of some rows with the state's weights.</summary>
    public LinearShape StateProduct(int rows) => new(rows, (int)Shape.Units, (int)Shape.Width);

    /// <summary>First row and number of rows of each step, in the order in which this direction computes them, or against it.</summary>
    public IEnumerable<(int First, int Rows)> Steps(bool backwards)
    {
        IEnumerable<(int, int)> forwards = steps.Starts().Zip(steps.Rows);
        return backwards != isReverse ? forwards.Reverse() : forwards;
    }

    /// <summary>The part of a state [layers · directions, N, U] that belongs here.</summary>
    public ArrayView<float> StateOf(ArrayView<float> all)
    {
        long length = Shape.Batch * Shape.Units;
        return all.SubView(Index * length, length);
    }

    // In a GRU, the last gate's second bias is inside the reset.
    private (ArrayView<float> Input, ArrayView<float> State) Biases(ArrayView<float> input, ArrayView<float> state)
    {
        if (!input.IsValid)
            return default;
        long shared = Kernels.IsGated ? 2 * Shape.Units : Shape.Width;
        ArrayView<float> sum = context.Scratch(Shape.Width);
        context.Device.Run(new Copy { Source = input, Target = sum }, Shape.Width);
        context.Device.Run(new Accumulate { Source = state, Target = sum }, shared);
        if (!Kernels.IsGated)
            return (sum, default);
        ArrayView<float> rest = context.Scratch(Shape.Width);
        context.Device.Run(new Fill { Target = rest, Value = 0 }, shared);
        context.Device.Run(new Copy { Source = state.SubView(shared), Target = rest.SubView(shared) }, Shape.Units);
        return (sum, rest);
    }

    private CellViews Recompute(ArrayView<float> result)
    {
        Device device = context.Device;
        long units = Shape.Units, width = Shape.Width, rows = Shape.Rows;
        ArrayView<float> x = context.Shared(rows * width, out bool isNew), h = context.Shared(rows * width, out _);
        ArrayView<float> hidden = context.Shared(rows * units, out _);
        ArrayView<float> cell = Kernels.HasCell ? context.Shared(rows * units, out _) : hidden;
        CellViews views = new() { X = x, H = h, Hidden = hidden, Cell = cell, Result = result };
        views.StateH = views.StateC = views.MassX = views.MassH = views.BiasH = views.Factors = views.Relevance = views.Opposing = x;
        views.CarryH = views.CarryC = views.Direct = views.ToX = views.ToH = views.Lost = views.Taken = x;
        if (!isNew)
            return views;

        Operand weight = Operand.Of(StateWeight), bias = OptionalBias(StateBias);
        context.Contraction.Linear(InputProduct with { IsExact = true }, Operand.Of(Input), Operand.Of(InputWeight), OptionalBias(InputBias), x, default(NoEpilogue));
        views.StateH = CopyOf(StateOf(context.Input(1).Values));
        if (Kernels.HasCell)
            views.StateC = CopyOf(StateOf(context.Input(2).Values));
        foreach ((int first, int count) in Steps(backwards: false))
        {
            context.Contraction.Linear(
                StateProduct(count) with { IsExact = true }, Operand.Of(views.StateH.SubView(0, count * units)), weight, bias, h.SubView(first * width, count * width), default(NoEpilogue));
            Kernels.Forward(device, views, Shape, first, count);
        }

        return views;
    }

    private static Operand OptionalBias(ArrayView<float> bias) => bias.IsValid ? Operand.Of(bias) : Operand.None;

    private ArrayView<float> CopyOf(ArrayView<float> source)
    {
        ArrayView<float> copy = context.Scratch(source.Length);
        context.Device.Run(new Copy { Source = source, Target = copy }, source.Length);
        return copy;
    }
}
