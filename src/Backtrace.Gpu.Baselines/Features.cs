using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// Which entries of an input are one feature: a number, the channels of a pixel, the columns of a one-hot group, a superpixel, a token. Methods and metrics that
/// take features away do it by these.
/// </summary>
public sealed class Features : IDisposable
{
    private readonly Tensor groups; // [entries of a sample]; entries that belong to no feature have the number Count
    private readonly Tensor sizes; // [Count] fp32

    /// <param name="groups">Number of each entry's feature, shaped like one sample, 64-bit integers from 0; -1 for entries that are never taken away, such as [CLS].</param>
    /// <exception cref="ArgumentException">A number is below -1, a feature has no entry, or there is no feature.</exception>
    public Features(Tensor groups)
    {
        Shape = groups.shape;
        long[] numbers = groups.to(int64).cpu().contiguous().view(-1).data<long>().ToArray();
        Count = checked((int)(numbers.DefaultIfEmpty(-1).Max() + 1));
        float[] entries = new float[Count];
        for (int i = 0; i < numbers.Length; i++)
        {
            if (numbers[i] < -1)
                throw new ArgumentException($"Feature {numbers[i]} is no number of a feature: they start at 0, and -1 stands for none.", nameof(groups));
            if (numbers[i] < 0)
                numbers[i] = Count;
            else
                entries[numbers[i]]++;
        }

        if (Count == 0 || entries.Contains(0))
            throw new ArgumentException(Count == 0 ? "There are no features." : $"Feature {Array.IndexOf(entries, 0f)} has no entry.", nameof(groups));
        this.groups = tensor(numbers).DetachFromDisposeScope();
        sizes = tensor(entries).DetachFromDisposeScope();
    }

    /// <summary>Shape of one sample.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>Number of features.</summary>
    public int Count { get; }

    /// <summary>Every entry is a feature.</summary>
    /// <param name="shape">Shape of one sample.</param>
    public static Features Each(params long[] shape) => Of(arange(shape.Aggregate(1L, (a, b) => a * b), int64).view(shape));

    /// <summary>The channels of a pixel are one feature.</summary>
    public static Features Pixels(long channels, long height, long width) =>
        Of(arange(height * width, int64).view(1, height, width).expand(channels, height, width));

    /// <summary>Neighbouring entries of a row are one feature, such as one-hot groups.</summary>
    /// <param name="widths">Number of entries of each feature, in order.</param>
    public static Features Columns(IEnumerable<int> widths) => Of(tensor(widths.SelectMany((width, k) => Enumerable.Repeat((long)k, width)).ToArray()));

    /// <summary>Sums over the entries of each feature: [N, ...] on any device to [N, Count] in host memory.</summary>
    public Tensor Sum(Tensor perEntry)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor flat = perEntry.cpu().reshape(perEntry.shape[0], -1).to(float32);
        using Scalar once = 1; // held, because TorchSharp frees a number that nobody holds, even while libtorch reads it
        Tensor sums = zeros(flat.shape[0], Count + 1).index_add_(1, groups, flat, once);
        return sums.narrow(1, 0, Count).contiguous().MoveToOuterDisposeScope();
    }

    /// <summary>Parts evenly among the entries of each feature, so that sums are kept: [N, Count] to [N, ...]. Other entries get 0. In host memory.</summary>
    public Tensor Spread(Tensor perFeature)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor padded = cat([perFeature.cpu().to(float32) / sizes, zeros(perFeature.shape[0], 1)], 1);
        return padded.index_select(1, groups).view([perFeature.shape[0], .. Shape]).MoveToOuterDisposeScope();
    }

    /// <summary>Takes features away.</summary>
    /// <param name="input">[M, ...] or [1, ...], numbers or tokens.</param>
    /// <param name="absent">What stands in for them: [M, ...] or [1, ...].</param>
    /// <param name="present">Which features stay: [M, Count], booleans.</param>
    /// <returns>[M, ...], on the input's device.</returns>
    public Tensor Take(Tensor input, Tensor absent, Tensor present)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor padded = cat([present.cpu(), ones([present.shape[0], 1], ScalarType.Bool)], 1);
        Tensor kept = padded.index_select(1, groups).view([present.shape[0], .. Shape]).to(input.device);
        return where(kept, input, absent).MoveToOuterDisposeScope();
    }

    /// <summary>Releases the tensors.</summary>
    public void Dispose()
    {
        groups.Dispose();
        sizes.Dispose();
    }

    private static Features Of(Tensor groups)
    {
        using (groups)
            return new Features(groups);
    }
}
