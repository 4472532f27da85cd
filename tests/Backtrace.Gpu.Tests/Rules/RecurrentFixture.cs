using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Rules.Recurrent;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>A golden case of a recurrent layer as one node.</summary>
internal static class RecurrentFixture
{
    internal static RecurrentLayers Operation(SafeTensorsFile file)
    {
        IReadOnlyList<long> shape = file["in.x"].Shape;
        RecurrentCell cell = file.Metadata["op"] switch
        {
            "lstm" => RecurrentCell.Lstm,
            "gru" => RecurrentCell.Gru,
            _ => file.Metadata["nonlinearity"] == "relu" ? RecurrentCell.Relu : RecurrentCell.Tanh,
        };
        return new RecurrentLayers(cell, (int)Number(file, "num_layers"), file.Metadata["bidirectional"] == "true", RecurrentSteps.Dense((int)shape[1], (int)shape[0], batchFirst: true));
    }

    /// <summary>The node: states that the case leaves out are zero, and relevance arrives at one of the outputs.</summary>
    internal static Node Node(RecurrentLayers operation, Values[] inputs, Values relevance, SafeTensorsFile file)
    {
        long units = Number(file, "hidden_size"), directions = operation.IsBidirectional ? 2 : 1;
        long batch = operation.Steps.Batch, blocks = operation.Layers * directions;
        long[] sequence = [batch, operation.Steps.Count, directions * units], state = [blocks, batch, units];
        int states = operation.Cell == RecurrentCell.Lstm ? 2 : 1;
        Values none = Values.Of(state, _ => 0);

        // The last layer's directions lie side by side in the case, one after the other in torch's state.
        Values LastHidden() => Values.Of(state, i =>
        {
            long block = i / (batch * units), direction = block - (blocks - directions), row = i / units % batch;
            return direction < 0 ? 0 : relevance.Data[(row * directions * units) + (direction * units) + (i % units)];
        });
        bool isSequence = file.Metadata["return"] == "sequence";
        Values?[] arriving = [isSequence ? relevance : null, isSequence ? null : LastHidden(), .. Enumerable.Repeat<Values?>(null, states - 1)];
        return new Node(operation, [.. inputs, .. Enumerable.Repeat(none, 1 + states - inputs.Length)], arriving, (int)batch)
        {
            OutputShapes = [sequence, .. Enumerable.Repeat(state, states)],
        };
    }

    private static long Number(SafeTensorsFile file, string name) => long.Parse(file.Metadata[name], System.Globalization.CultureInfo.InvariantCulture);
}
