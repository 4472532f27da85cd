using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Models;

/// <summary>Keys and values of the tokens that one layer has read, so that they are computed once while a text is continued.</summary>
/// <param name="most">Most tokens that it is given: no more memory is taken.</param>
internal sealed class KeyValueCache(int most) : IDisposable
{
    private const int Least = 256;

    // [2, N, heads, room, head size]: keys, then values.
    private Tensor? memory;

    /// <summary>Tokens that were read.</summary>
    internal long Length { get; private set; }

    /// <summary>Takes those of further tokens, each [N, heads, T, head size], and returns those of all tokens. They are valid until the next call.</summary>
    internal (Tensor Keys, Tensor Values) Add(Tensor keys, Tensor values)
    {
        using DisposeScope scope = NewDisposeScope();
        long count = keys.shape[2];
        if (memory is null || memory.shape[3] < Length + count)
            Grow(Length + count, keys);
        Tensor added = memory!.narrow(3, Length, count);
        added[0].copy_(keys);
        added[1].copy_(values);
        Length += count;
        Tensor all = memory.narrow(3, 0, Length);
        return (all[0].MoveToOuterDisposeScope(), all[1].MoveToOuterDisposeScope());
    }

    public void Dispose() => memory?.Dispose();

    // Doubled, so that a long text is seldom copied.
    private void Grow(long needed, Tensor like)
    {
        long room = Math.Max(needed, Math.Min(most, Math.Max(Least, 2 * needed)));
        Tensor larger = empty([2, like.shape[0], like.shape[1], room, like.shape[3]], dtype: like.dtype, device: like.device).DetachFromDisposeScope();
        if (memory is not null)
            larger.narrow(3, 0, Length).copy_(memory.narrow(3, 0, Length));
        memory?.Dispose();
        memory = larger;
    }
}
