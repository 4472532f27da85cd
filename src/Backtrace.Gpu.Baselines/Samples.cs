using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>What is explained: inputs of one shape, a class for each, and what their features are. Owns its tensors, but not those of <see cref="Features"/>.</summary>
/// <param name="Input">Numbers, [N, ...], or tokens, [N, T] of 64-bit integers.</param>
/// <param name="Targets">The explained class of each sample, [N] of 64-bit integers.</param>
/// <param name="Absent">What stands in for entries whose feature is taken away, of the input's type: [1, ...] or [N, ...].</param>
/// <param name="Features">Which entries are one feature.</param>
public sealed record Samples(Tensor Input, Tensor Targets, Tensor Absent, Features Features) : IDisposable
{
    /// <summary>Number of samples.</summary>
    public long Count => Input.shape[0];

    /// <summary>One of the samples, as a batch of one. The caller's.</summary>
    public Samples One(long index) => new(
        Input.narrow(0, index, 1).clone(),
        Targets.narrow(0, index, 1).clone(),
        Absent.narrow(0, Absent.shape[0] == 1 ? 0 : index, 1).clone(),
        Features);

    /// <summary><see cref="Targets"/> as numbers.</summary>
    internal int[] Classes()
    {
        using Tensor targets = Targets.cpu();
        return [.. targets.data<long>().Select(c => checked((int)c))];
    }

    /// <summary>Releases the tensors.</summary>
    public void Dispose()
    {
        Input.Dispose();
        Targets.Dispose();
        Absent.Dispose();
    }
}
