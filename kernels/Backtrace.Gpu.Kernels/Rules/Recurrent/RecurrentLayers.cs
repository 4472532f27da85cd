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
}
