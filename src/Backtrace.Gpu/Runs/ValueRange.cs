using System.Globalization;
using Backtrace.Gpu.Graphs;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Runs;

/// <summary>Finds the layer whose values left the range of fp32, after a run that failed or dropped relevance: rules divide by sums of absolute values.</summary>
internal static class ValueRange
{
    /// <summary>Refuses an output with NaN or infinity. Scores of −∞ are how models exclude a class.</summary>
    /// <exception cref="InvalidModelException">Names the layer where they began.</exception>
    public static void EnsureComputed(Value output, Tensor prediction, RelevanceGraph graph)
    {
        if (Interop.Finite.IsFinite(prediction))
            return;
        using Tensor isBad = NoNumbers(prediction), any = isBad.any();
        if (!any.item<bool>())
            return;
        (string samples, long? first) = BadSamples.In(isBad);
        throw new InvalidModelException($"The model's output holds NaN or infinity{samples}. {Origin(output, graph)}") { Sample = first };
    }

    /// <summary>Checks a ledger. Where sums leave the range of fp32, relevance is lost or counts as dropped.</summary>
    /// <exception cref="LedgerException">Relevance was lost.</exception>
    /// <exception cref="InvalidModelException">It was lost or dropped at a layer whose sums leave the range; names it.</exception>
    public static void EnsureClosed(Ledger ledger, BacktracerOptions options, double[] scales, RelevanceGraph graph)
    {
        try
        {
            ledger.EnsureClosed(options.LedgerTolerance, scales);
        }
        catch (LedgerException e) when (e.Node is { } name && Reason(name) is { } reason)
        {
            throw new InvalidModelException(reason, e);
        }

        double much = options.LedgerTolerance * scales.Sum();
        foreach (LedgerLine line in ledger.Lines)
        {
            if (Total(line.Dropped) > much && !options.Rules.IsSigned && Reason(line.Node) is { } reason)
                throw new InvalidModelException(reason);
        }

        string? Reason(string name) => Explain(graph.Nodes.First(node => node.Name == name), graph);
    }

    /// <summary>Says why a node's sums cannot be computed in fp32, or null if its values give no reason.</summary>
    private static string? Explain(Node node, RelevanceGraph graph)
    {
        graph.EnsureFilled(node);
        Value[] read = [.. node.InputValues.Where((value, k) => value.IsDynamic && node.Operation.ReadsInput(k) && value.WhyUnreadable() is null)];
        if (read.FirstOrDefault(value => !double.IsFinite(Largest(value))) is { } broken)
            return $"{node} reads NaN or infinity. {Origin(broken, graph)}";
        double inputs = read.Select(Largest).DefaultIfEmpty().Max(), weights = node.Parameter("weight") is { } weight ? Largest(weight) : 1;
        if (node.Operation is MatrixProduct or Attention)
            weights = node.InputValues.Take(3).Max(Largest); // a mask is added, and may be −∞
        double most = inputs * weights * read.Select(value => DeviceTensor.Count(value.Sizes)).DefaultIfEmpty().Max();
        return most <= float.MaxValue ? null : string.Create(
            CultureInfo.InvariantCulture,
            $"{node} adds up absolute values beyond the range of fp32, {float.MaxValue:G2}: its inputs reach {inputs:G2}, what they are multiplied by {weights:G2}. Scale the model's input, or the weights of the layers before, down.");
    }

    // Back to what made numbers that are none of numbers.
    private static string Origin(Value value, RelevanceGraph graph)
    {
        while (value.Producer is { } node && FirstBroken(node, graph) is { } before)
            value = before;
        if (value.Producer?.Parameters.FirstOrDefault(p => !double.IsFinite(Largest(p.Value))) is { Value: { } parameter, Role: { } role })
            return $"They begin at {value.Producer}, whose {parameter.Name ?? role} holds some: load intact weights.";
        if (value is { Producer: null, IsDynamic: true })
            return string.Create(CultureInfo.InvariantCulture, $"They begin at the model's input: as fp32 its numbers are infinite, beyond {float.MaxValue:G2}. Scale it down.");
        if (value.Producer is { Operation: Where } filled)
            return $"They begin at {filled}, which fills with them: fill behind the last sum before the softmax, or with a finite number such as -1e9.";
        return value.Producer is { } origin
            ? $"They begin at {origin}, whose inputs are finite: its values leave the range of fp32 ({float.MaxValue.ToString("G2", CultureInfo.InvariantCulture)}), or the function has none there. Scale the model's input or the weights before it, or keep its arguments where it is defined."
            : "They begin at a constant.";
    }

    private static Value? FirstBroken(Node node, RelevanceGraph graph)
    {
        graph.EnsureFilled(node);
        return node.InputValues.FirstOrDefault(v => v.IsDynamic && v.WhyUnreadable() is null && IsBroken(v));
    }

    private static bool IsBroken(Value value)
    {
        // Values of float64 that fp32 cannot hold are infinite in all that is computed from them here.
        using Tensor tensor = value.ToTensor(), floats = tensor.to(float32);
        return tensor.is_floating_point() && HasNoNumber(floats);
    }

    private static bool HasNoNumber(Tensor tensor)
    {
        using Tensor either = NoNumbers(tensor), any = either.any();
        return any.item<bool>();
    }

    private static Tensor NoNumbers(Tensor tensor)
    {
        using Tensor nan = tensor.isnan(), infinite = tensor.isposinf();
        return nan.logical_or(infinite);
    }

    // NaN where there is one.
    private static double Largest(Value value)
    {
        if (DeviceTensor.Count(value.Sizes) == 0)
            return 0;
        using Tensor tensor = value.ToTensor(), floats = tensor.to(float32), largest = linalg.vector_norm(floats, double.PositiveInfinity);
        return largest.item<float>();
    }

    private static double Total(IReadOnlyList<float> dropped)
    {
        double total = 0;
        for (int k = 0; k < dropped.Count; k++)
            total += Math.Abs(dropped[k]);
        return total;
    }
}
