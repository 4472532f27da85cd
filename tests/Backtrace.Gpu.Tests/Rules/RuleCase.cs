using Backtrace.Gpu.Kernels.Rules;
using TorchSharp;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>How torch can tell what a rule should give.</summary>
internal enum Oracle
{
    /// <summary>Conservation and geometry only.</summary>
    None,

    /// <summary>Every output entry is one input entry: relevance travels as a gradient does.</summary>
    Gradient,

    /// <summary>A linear map with weights ≥ 0: |x| times the gradient of R / D.</summary>
    Proportional,
}

/// <summary>A random node and its forward pass in torch, for tests over random attributes.</summary>
internal sealed record RuleCase(Operation Operation, Oracle Oracle, Func<torch.Tensor[], torch.Tensor[]> Forward, params long[][] Inputs)
{
    internal Dictionary<string, Values> Parameters { get; init; } = [];

    /// <summary>Distinct inputs: maxima have no ties.</summary>
    internal bool IsDistinct { get; init; }

    /// <summary>The node with inputs (some exactly 0) and relevance ≥ 0.</summary>
    internal Node Node(Random random)
    {
        Values[] inputs = [.. Inputs.Select(shape => IsDistinct ? Shuffled(shape, random) : Values.Of(shape, _ => random.Next(8) == 0 ? 0 : Normal(random)))];
        torch.Tensor[] tensors = [.. inputs.Select(ToTensor)];
        long[][] outputs = [.. Forward(tensors).Select(t => t.shape)];
        return new Node(Operation, inputs, [.. outputs.Select(shape => Values.Of(shape, _ => random.Next(5) == 0 ? 0 : random.NextSingle()))], (int)outputs[0].FirstOrDefault(1L))
        {
            Parameters = Parameters,
            OutputShapes = outputs,
        };
    }

    /// <summary>What the rule should give, in double precision.</summary>
    internal double[][] Expected(Node node)
    {
        torch.Tensor[] x = [.. node.Inputs.Select(v => ToTensor(v).abs().requires_grad_())];
        torch.Tensor[] y = Forward(x);
        torch.Tensor[] relevance = [.. node.Relevance.Select((r, k) => r is null ? torch.zeros_like(y[k]) : ToTensor(r))];
        if (Oracle == Oracle.Proportional)
            relevance = [.. relevance.Zip(y, (r, d) => torch.where(d.detach() == 0, torch.zeros_like(r), r / d.detach()))];
        IList<torch.Tensor> gradients = torch.autograd.grad([.. y], [.. x], [.. relevance], allow_unused: true);
        return [.. gradients.Select((g, k) => g.IsInvalid ? [] : (Oracle == Oracle.Proportional ? g * x[k] : g).detach().contiguous().data<double>().ToArray())];
    }

    internal static torch.Tensor ToTensor(Values values) => torch.tensor(Array.ConvertAll(values.Data, v => (double)v), values.Shape, dtype: torch.float64);

    private static float Normal(Random random) => random.NextSingle() + random.NextSingle() + random.NextSingle() - 1.5f;

    private static Values Shuffled(long[] shape, Random random)
    {
        float[] values = [.. Values.Of(shape, i => (i + 1) * 0.01f).Data];
        random.Shuffle(values);
        return new Values(values, shape);
    }
}
