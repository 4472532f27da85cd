using Backtrace.Gpu.Graphs;
using Backtrace.Gpu.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// Finds the attentions of a forward pass and the residual blocks around them, whatever modules they are written in: torch's fused operator, or a softmax whose
/// result is the first factor of a matrix product.
/// </summary>
internal sealed class AttentionTap(long samples) : OperatorTap.IListener, IDisposable
{
    // What hands numbers on without computing with them.
    private static readonly HashSet<string> Followed =
    [
        "alias", "clone", "contiguous", "detach", "dropout", "expand", "flatten", "permute", "reshape", "squeeze", "transpose", "unflatten", "unsqueeze", "view",
        "_unsafe_view",
    ];

    private readonly Dictionary<nint, Origin> origins = []; // by identity of tensors, which are held so that none is used twice
    private readonly List<Tensor> held = [];
    private readonly List<AttentionCall> calls = [];
    private readonly List<ResidualBlock> blocks = [];
    private Action<Tensor>? pending;

    /// <summary>The attentions, in the order in which they ran.</summary>
    internal IReadOnlyList<AttentionCall> Calls => calls;

    /// <summary>The residual blocks from the first attention's on, in the order in which they ran.</summary>
    internal IReadOnlyList<ResidualBlock> Blocks => blocks;

    void OperatorTap.IListener.Enter(nint name, nint overload, nint arguments, int count)
    {
        using OperatorTap.Quiet quiet = OperatorTap.Quietly();
        pending = Expect(OperatorNames.Find(name).Name, arguments, count);
    }

    void OperatorTap.IListener.Leave(nint results, int count)
    {
        if (pending is not { } finish || count == 0 || !new IValue(results).IsTensor)
            return;
        pending = null;
        using OperatorTap.Quiet quiet = OperatorTap.Quietly();
        using DisposeScope scope = NewDisposeScope();
        using var still = no_grad();
        finish(Hold(results));
    }

    /// <summary>Releases the tensors.</summary>
    public void Dispose() => held.ForEach(t => t.Dispose());

    private static nint At(nint arguments, int index) => arguments + index * IValue.Size;

    private static nint Identity(nint argument) => new IValue(argument).Tensor.Identity;

    // What to do with the operator's result; null where it does not matter. Arguments can be read now only.
    private Action<Tensor>? Expect(string name, nint arguments, int count)
    {
        if (count == 0 || !new IValue(arguments).IsTensor)
            return null;
        switch (name)
        {
            case "scaled_dot_product_attention":
                return Fused(arguments);
            case "softmax" or "special_softmax" or "_softmax" when new IValue(At(arguments, 1)).Int is var axis && (axis == -1 || axis == new IValue(arguments).Tensor.Rank - 1):
                return result => Remember(result, new Origin(Softmax: result));
            case "matmul" or "bmm" when OriginOf(arguments)?.Softmax is { } weights:
                Tensor values = Hold(At(arguments, 1));
                return result => Add(AttentionCall.ByHeads(weights.to(float32), samples), AttentionCall.ByHeads(values.to(float32), samples), weights, result);
            case "linear":
                return Projected(arguments, isTransposed: true);
            case "matmul" when new IValue(At(arguments, 1)).Tensor.Rank == 2:
                return Projected(arguments, isTransposed: false);
            case "add" or "add_" when new IValue(At(arguments, 1)).IsTensor:
                return Sum(arguments, At(arguments, 1));
            default:
                return Followed.Contains(name) && OriginOf(arguments) is { } origin ? result => Remember(result, origin) : null;
        }
    }

    // (query, key, value, mask?, dropout, is_causal, scale?, enable_gqa)
    private Action<Tensor> Fused(nint arguments)
    {
        Tensor query = Hold(arguments), key = Hold(At(arguments, 1)), value = Hold(At(arguments, 2));
        IValue given = new(At(arguments, 3)), stated = new(At(arguments, 6));
        Tensor? mask = given.IsTensor && given.Tensor.IsDefined ? Hold(At(arguments, 3)) : null;
        bool isCausal = new IValue(At(arguments, 5)).Bool;
        double? scale = stated.IsDouble ? stated.Double : null;
        return result =>
        {
            Tensor weights = AttentionCall.WeightsOf(query, key, mask, isCausal, scale);
            Add(AttentionCall.ByHeads(weights, samples), AttentionCall.ByHeads(AttentionCall.Shared(value, query).to(float32), samples), result, result);
        };
    }

    private void Add(Tensor weights, Tensor values, Tensor watched, Tensor result)
    {
        AttentionCall call = new(Keep(weights.detach()), Keep(values.detach()), watched, ReferenceEquals(watched, result));
        calls.Add(call);
        Remember(result, new Origin(Attention: call));
    }

    // A linear layer, or what torch makes of one: a product with its transposed weight and the addition of its bias.
    private Action<Tensor> Projected(nint arguments, bool isTransposed)
    {
        Tensor weight = Hold(At(arguments, 1));
        Origin? source = OriginOf(arguments);
        return result => Remember(result, new Origin(Attention: source?.Projection is null ? source?.Attention : null, Projection: isTransposed ? Keep(weight.t()) : weight));
    }

    private Action<Tensor>? Sum(nint a, nint b)
    {
        if (new IValue(b).Tensor.Rank == 1 && OriginOf(a) is { Projection: not null } layer)
            return result => Remember(result, layer);
        if (calls.Count > 0)
            NoteBlock(a, b);
        return null;
    }

    // One operand ends in a linear layer, the other is the stream that it is added to.
    private void NoteBlock(nint a, nint b)
    {
        Origin? first = OriginOf(a), second = OriginOf(b);
        (nint stream, nint branch, Origin? origin) = second?.Projection is not null ? (a, b, second) : (b, a, first);
        if (origin?.Projection is null || (first?.Projection is not null && second?.Projection is not null))
            return;
        Tensor x = Hold(stream), y = Hold(branch);
        if (x.shape is [var n, _, _] && n == samples && x.shape.AsSpan().SequenceEqual(y.shape))
            blocks.Add(new ResidualBlock(x, y, origin.Attention, origin.Projection));
    }

    private Origin? OriginOf(nint argument) => origins.GetValueOrDefault(Identity(argument));

    private void Remember(Tensor result, Origin origin) => origins[new RawTensor(result.Handle).Identity] = origin;

    private Tensor Hold(nint argument) => Keep(Tensor.UnsafeCreateTensor(new IValue(argument).Tensor.Hold().Handle));

    private Tensor Keep(Tensor tensor)
    {
        held.Add(tensor.DetachFromDisposeScope());
        return tensor;
    }

    // Where a tensor's numbers come from.
    private sealed record Origin(Tensor? Softmax = null, AttentionCall? Attention = null, Tensor? Projection = null);
}
