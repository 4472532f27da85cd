using Backtrace.Gpu.Kernels.Rules;

namespace Backtrace.Gpu.Graphs;

/// <summary>Finds the units whose activation can saturate: those of a linear or convolution node whose only consumer is that activation.</summary>
internal static class SaturationTests
{
    /// <exception cref="UnknownLayerException">The options have a test for a layer that is not there.</exception>
    public static void Attach(RelevanceGraph graph, BacktracerOptions options)
    {
        graph.EnsureHas("a saturation test", options.Saturations.Keys);
        foreach (Node node in graph.Nodes)
        {
            if (options.Saturation && options.Rules.TestsSaturation && node.Operation is Identity activation && node.InputValues[0] is { Uses: 1, Producer: { } producer }
                && producer.Operation is Linear or Convolution or TransposedConvolution && !graph.Outputs.Contains(node.InputValues[0]))
            {
                producer.Saturation = OfActivation(activation.Label);
            }
        }

        // After all activations, which come behind the layers that they are tested for.
        foreach (Node node in graph.Nodes)
        {
            if (options.Saturations.TryGetValue(node.Name, out Saturation chosen))
                node.Saturation = chosen;
        }
    }

    private static Saturation OfActivation(string name) => name switch
    {
        "tanh" => Saturation.Tanh,
        "sigmoid" => Saturation.Sigmoid,
        "softmax" or "special_softmax" or "_softmax" => Saturation.Softmax,
        _ => Saturation.None,
    };
}
