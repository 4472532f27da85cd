using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent;

/// <summary>
/// The rules of sums, products and dense layers inside recurrent cells, from the last step to the first and from the last layer to the first
/// (rules.md, B.11).
/// </summary>
public sealed class RecurrentRule : Rule<RecurrentLayers>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, RecurrentLayers operation) => Apply(context, operation, null);

    /// <param name="context">The node.</param>
    /// <param name="operation">Its attributes.</param>
    /// <param name="epsilon">For the epsilon rule instead: what is added to denominators.</param>
    internal static void Apply(RuleContext context, RecurrentLayers operation, float? epsilon)
    {
        CellDirection[][] layers = Recompute(context, operation);
        ArrayView<float> carryH = Arriving(context, operation.HiddenOutput, context.Give(1).Values);
        ArrayView<float> carryC = context.InputCount > 2 ? Arriving(context, operation.CellOutput, context.Give(2).Values) : carryH;
        ArrayView<float> relevance = ArrivingAtSequence(context, layers[^1][0]);
        for (int layer = layers.Length - 1; layer >= 0; layer--)
        {
            ArrayView<float> target = layer == 0 ? context.Give(0).Values : context.Scratch(layers[layer][0].Input.Length);
            foreach (CellDirection direction in layers[layer])
                new DefaultPass(context, direction, epsilon).Apply(relevance, direction.StateOf(carryH), direction.StateOf(carryC), target);
            relevance = target;
        }
    }

    /// <inheritdoc/>
    protected override void ApplyContrastive(RuleContext supporting, RuleContext opposing, RecurrentLayers operation)
    {
        CellDirection[][] layers = Recompute(supporting, operation);
        var carryH = (Arriving(supporting, operation.HiddenOutput, supporting.Give(1).Values), Arriving(opposing, operation.HiddenOutput, opposing.Give(1).Values));
        var carryC = supporting.InputCount > 2
            ? (Arriving(supporting, operation.CellOutput, supporting.Give(2).Values), Arriving(opposing, operation.CellOutput, opposing.Give(2).Values)) : carryH;
        var relevance = (ArrivingAtSequence(supporting, layers[^1][0]), ArrivingAtSequence(opposing, layers[^1][0]));
        for (int layer = layers.Length - 1; layer >= 0; layer--)
        {
            long length = layers[layer][0].Input.Length;
            var targets = layer == 0 ? (supporting.Give(0).Values, opposing.Give(0).Values) : (supporting.Scratch(length), supporting.Scratch(length));
            foreach (CellDirection direction in layers[layer])
            {
                using Joined h = new(supporting, direction, carryH), c = new(supporting, direction, carryC);
                new ContrastivePass(supporting, opposing, direction).Apply(relevance, h.Values, c.Values, targets);
            }

            relevance = targets;
        }
    }

    private static CellDirection[][] Recompute(RuleContext context, RecurrentLayers operation)
    {
        CellDirection[][] layers = new CellDirection[operation.Layers][];
        ArrayView<float> input = context.Input(0).Values;
        for (int layer = 0; layer < layers.Length; layer++)
        {
            ArrayView<float> result = context.Shared(operation.Steps.Total * operation.Directions * context.InputShape(1)[^1], out _);
            layers[layer] = new CellDirection[operation.Directions];
            for (int direction = 0; direction < operation.Directions; direction++)
                layers[layer][direction] = new CellDirection(context, operation, layer, direction, input, result);
            input = result;
        }

        return layers;
    }

    // The relevance of an output, which the pass turns into that of an input.
    private static ArrayView<float> Arriving(RuleContext context, int output, ArrayView<float> target)
    {
        if (output < context.OutputCount && output >= 0 && context.HasRelevance(output))
            context.Device.Run(new Copy { Source = context.Relevance(output).Values, Target = target }, target.Length);
        else
            context.Device.Run(new Fill { Target = target, Value = 0 }, target.Length);
        return target;
    }

    private static ArrayView<float> ArrivingAtSequence(RuleContext context, CellDirection direction)
    {
        if (context.HasRelevance(0))
            return context.Relevance().Values;
        ArrayView<float> none = context.Scratch(direction.Shape.Rows * direction.Shape.ResultWidth);
        context.Device.Run(new Fill { Target = none, Value = 0 }, none.Length);
        return none;
    }

    /// <summary>The states of one direction in both streams, side by side; copied back when the direction is done.</summary>
    private readonly struct Joined : IDisposable
    {
        private readonly Device device;
        private readonly ArrayView<float> supporting;
        private readonly ArrayView<float> opposing;

        public Joined(RuleContext context, CellDirection direction, (ArrayView<float> Supporting, ArrayView<float> Opposing) states)
        {
            device = context.Device;
            supporting = direction.StateOf(states.Supporting);
            opposing = direction.StateOf(states.Opposing);
            Values = context.Scratch(2 * supporting.Length);
            Copy(supporting, Values.SubView(0, supporting.Length));
            Copy(opposing, Values.SubView(supporting.Length, supporting.Length));
        }

        public ArrayView<float> Values { get; }

        public void Dispose()
        {
            Copy(Values.SubView(0, supporting.Length), supporting);
            Copy(Values.SubView(supporting.Length, supporting.Length), opposing);
        }

        private void Copy(ArrayView<float> source, ArrayView<float> target) =>
            device.Run(new Execution.Copy { Source = source, Target = target }, target.Length);
    }
}
