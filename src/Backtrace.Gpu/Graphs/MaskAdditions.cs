using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;

namespace Backtrace.Gpu.Graphs;

/// <summary>
/// A constant that is added to scores is a mask or a bias of an attention if the sum goes into a softmax and nowhere else: the scores keep all
/// relevance (rules.md, B.12). Any other constant operand takes its share.
/// </summary>
internal static class MaskAdditions
{
    public static void Attach(RelevanceGraph graph)
    {
        foreach (Node node in graph.Nodes)
        {
            if (node.Operation is Identity { Label: "softmax" or "special_softmax" or "_softmax" })
                PassThrough(node.InputValues[0]);
        }
    }

    // Walks back over what keeps the entries apart, as long as nobody else sees them.
    private static void PassThrough(Value scores)
    {
        while (scores is { Uses: 1, Producer: { } node })
        {
            switch (node.Operation)
            {
                case Add { Addends.Count: 2 } when Summand(node, scores) is >= 0 and int dynamic:
                    (node.InputValues[0], node.InputValues[dynamic]) = (node.InputValues[dynamic], node.InputValues[0]);
                    node.Operation = new Identity("AddMask");
                    break;
                case Identity:
                    break;
                case Where { First: -1, Second: 1 } or Where { First: 1, Second: -1 }:
                    scores = node.InputValues[1];
                    continue;
                default:
                    return;
            }

            scores = node.InputValues[0];
        }
    }

    // The one operand that depends on the input, if the other is broadcast to it.
    private static int Summand(Node node, Value sum)
    {
        if (node.InputValues[0].IsDynamic == node.InputValues[1].IsDynamic)
            return -1;
        int dynamic = node.InputValues[0].IsDynamic ? 0 : 1;
        return DeviceTensor.Count(node.InputValues[dynamic].Sizes) == DeviceTensor.Count(sum.Sizes) ? dynamic : -1;
    }
}
