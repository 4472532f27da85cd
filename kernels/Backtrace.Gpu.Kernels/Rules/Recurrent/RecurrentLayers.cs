namespace Backtrace.Gpu.Kernels.Rules.Recurrent;

/// <summary>
/// Layers of recurrent cells. Inputs: sequences [N, T, I], [T, N, I] or packed [rows, I]; h₀ [layers · directions, N, U]; c₀ of an LSTM. Outputs:
/// sequences, last h, last c. Parameters as torch names them: <c>weight_ih_l0</c>, <c>weight_hh_l0</c>, <c>bias_ih_l0</c>, <c>bias_hh_l0</c>,
/// with the ending <c>_reverse</c> for the second direction.
/// </summary>
/// <param name="Cell">Kind of cell.</param>
/// <param name="Layers">Number of layers.</param>
/// <param name="IsBidirectional">A second direction runs from the last step to the first; both results lie side by side.</param>
/// <param name="Steps">The rows.</param>
/// <param name="IsStep">One step by itself, torch's cells: the outputs are h and c.</param>
public sealed record RecurrentLayers(RecurrentCell Cell, int Layers, bool IsBidirectional, RecurrentSteps Steps, bool IsStep = false) : Operation
{
    /// <inheritdoc/>
    public override string Name => Cell switch { RecurrentCell.Lstm => "LSTM", RecurrentCell.Gru => "GRU", _ => "RNN" };

    /// <inheritdoc/>
    public override bool ReadsInput(int index) => true;

    /// <summary>Output that holds the last h; −1: only the sequence does.</summary>
    internal int HiddenOutput => IsStep ? -1 : 1;

    /// <summary>Output that holds the last c.</summary>
    internal int CellOutput => IsStep ? 1 : 2;

    /// <summary>1 or 2.</summary>
    internal int Directions => IsBidirectional ? 2 : 1;

    /// <inheritdoc/>
    public override void Check(NodeShapes shapes)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        shapes.HasInputs(Cell == RecurrentCell.Lstm ? 3 : 2);
        shapes.Require(Steps.Count > 0 && Layers > 0, $"{Counted.Of(Steps.Count, "step")} of {Counted.Of(Layers, "layer")}");
        shapes.Require(shapes.Inputs[1].Length > 0 && shapes.Inputs[0].Length > 0, "a sequence or a state has no axis");
        long units = shapes.Inputs[1][^1], width = shapes.Inputs[0][^1], gates = CellKernels.Of(Cell).Gates * units;
        for (int state = 1; state < shapes.Inputs.Count; state++)
            shapes.Input(state, Layers * Directions, Steps.Batch, units);
        for (int output = 1; output < shapes.Outputs.Count; output++)
            shapes.Output(output, Layers * Directions, Steps.Batch, units);
        shapes.Input(0, Steps.Total, width);
        shapes.Output(0, Steps.Total, Directions * units);
        for (int layer = 0; layer < Layers; layer++)
        {
            foreach (string ending in IsBidirectional ? new[] { "", "_reverse" } : [""])
            {
                shapes.Parameter($"weight_ih_l{layer}{ending}", gates, layer == 0 ? width : Directions * units);
                shapes.Parameter($"weight_hh_l{layer}{ending}", gates, units);
                shapes.OptionalParameter($"bias_ih_l{layer}{ending}", gates);
                shapes.OptionalParameter($"bias_hh_l{layer}{ending}", gates);
            }
        }
    }
}
