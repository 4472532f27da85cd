using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>The attentions of a model's forward pass over some samples, without changes to the model.</summary>
internal sealed class AttentionReading : IDisposable
{
    private readonly AttentionTap tap;
    private readonly string method;
    private readonly Samples samples;
    private readonly List<Tensor> gradients = [];

    private AttentionReading(ExplainedModel model, Samples samples, string method, bool needsGradients)
    {
        (this.samples, this.method, tap) = (samples, method, new AttentionTap(samples.Count));
        try
        {
            Run(model, needsGradients);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Runs the model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="samples">What it reads.</param>
    /// <param name="method">Who asks, for messages.</param>
    /// <param name="needsGradients">Whether gradients of the targets' scores with respect to the weights are needed.</param>
    /// <exception cref="ExplainerException">There is no attention, or one between different sequences.</exception>
    internal static AttentionReading Of(ExplainedModel model, Samples samples, string method, bool needsGradients) =>
        OperatorTap.Undisturbed(() => new AttentionReading(model, samples, method, needsGradients));

    /// <summary>The attentions, in the order in which they ran; all are [N, heads, T, T].</summary>
    internal IReadOnlyList<AttentionCall> Calls => tap.Calls;

    /// <summary>The residual blocks from the first attention's on.</summary>
    internal IReadOnlyList<ResidualBlock> Blocks => tap.Blocks;

    /// <summary>Number of tokens.</summary>
    internal long Tokens => Calls[0].Weights.shape[^1];

    /// <summary>Mean over heads of the positive part of gradient times weight, [N, T, T]. Of this reading's calls.</summary>
    internal Tensor WeightedByGradient(AttentionCall call)
    {
        using DisposeScope scope = NewDisposeScope();
        int index = Calls.ToList().IndexOf(call);
        return (call.WeightGradient(gradients[index]) * call.Weights).relu().mean([1]).MoveToOuterDisposeScope();
    }

    /// <summary>The row of the token from which the answer is read, shaped like the samples: what is not one number per token gets even parts.</summary>
    /// <param name="map">[N, T, T], from tokens to read tokens.</param>
    /// <param name="position">Which row; from the end where negative.</param>
    /// <exception cref="ExplainerException">There is no such row, or tokens cannot be told in the input.</exception>
    internal Tensor Row(Tensor map, long position)
    {
        if (position >= Tokens || position < -Tokens)
            throw new ExplainerException($"{method}: position {position} is outside of {Counted.Of(Tokens, "token")}. Set {nameof(AttentionOptions)}.{nameof(AttentionOptions.Position)}.");
        using DisposeScope scope = NewDisposeScope();
        Tensor row = map.select(1, position < 0 ? position + Tokens : position);
        long[] shape = samples.Input.shape;
        if (shape.Length is not (2 or 3) || shape[1] != Tokens)
            throw new ExplainerException($"{method}: attention is over {Counted.Of(Tokens, "token")}, which cannot be told in an input of shape [{string.Join(", ", shape)}]. [N, T] and [N, T, width] can be explained.");
        return (shape.Length == 2 ? row.clone() : (row / shape[2]).unsqueeze(-1).expand(shape).contiguous()).MoveToOuterDisposeScope();
    }

    /// <summary>Releases the tensors.</summary>
    public void Dispose()
    {
        tap.Dispose();
        gradients.ForEach(g => g.Dispose());
    }

    private void Run(ExplainedModel model, bool needsGradients)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = needsGradients ? GradientMode.On() : no_grad();
        Tensor points = model.Points(samples.Input);
        if (needsGradients && points.is_floating_point())
            points.requires_grad_(true);
        Tensor scores = OperatorTap.Listen(tap, () => model.ScoresAt(points, samples.Input));
        if (Calls.Count == 0)
        {
            throw new ExplainerException(
                $"{method}: no attention operators were seen. The model neither calls scaled_dot_product_attention nor multiplies a softmax with a matrix. Choose a method for any network, such as gradients.");
        }

        if (Calls.FirstOrDefault(c => c.Weights.shape[^1] != c.Weights.shape[^2] || c.Weights.shape[^1] != Tokens) is { } odd)
            throw new ExplainerException($"{method}: an attention of {odd.Weights.shape[^2]} queries to {odd.Weights.shape[^1]} keys is not within one sequence of {Counted.Of(Tokens, "token")}.");
        if (!needsGradients)
            return;
        Tensor chosen = ExplainedModel.Chosen(scores, samples.Targets).sum();
        gradients.AddRange(autograd.grad([chosen], [.. Calls.Select(c => c.Watched)]).Select(g => g.DetachFromDisposeScope()));
    }
}
