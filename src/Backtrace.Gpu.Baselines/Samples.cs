using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>What is explained: inputs of one shape, a class for each, and what their features are. Owns its tensors, but not those of <see cref="Features"/>.</summary>
/// <param name="Input">Numbers, [N, ...], or tokens, [N, T] of 64-bit integers.</param>
/// <param name="Targets">The explained class of each sample, [N] of 64-bit integers.</param>
/// <param name="Absent">What stands in for entries whose feature is taken away, of the input's type: [1, ...] or [N, ...].</param>
/// <param name="Features">Which entries are one feature.</param>
/// <exception cref="ArgumentException">The parts do not belong together; says which and how they should be.</exception>
public sealed record Samples(Tensor Input, Tensor Targets, Tensor Absent, Features Features) : IDisposable
{
    /// <summary>Numbers, [N, ...], or tokens, [N, T] of 64-bit integers.</summary>
    public Tensor Input { get; init; } = Checked(Input, Targets, Absent, Features);

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

    // Of what a sample is made of; a copy by "with" changes one part after the other.
    private static Tensor Checked(Tensor input, Tensor targets, Tensor absent, Features features)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(targets);
        ArgumentNullException.ThrowIfNull(absent);
        ArgumentNullException.ThrowIfNull(features);
        long[] shape = input.shape;
        if (shape.Length == 0)
            throw new ArgumentException("The input is one number: give it a batch axis, [N, ...].", nameof(input));
        if (targets.dtype != ScalarType.Int64 || targets.ndim != 1 || targets.shape[0] != shape[0])
            throw new ArgumentException($"The targets are {Text(targets)}: give the class of each sample, [{shape[0]}] Int64.", nameof(targets));
        if (!features.Shape.SequenceEqual(shape[1..]))
            throw new ArgumentException($"The features are of [{string.Join(", ", features.Shape)}], but a sample is [{string.Join(", ", shape[1..])}].", nameof(features));
        if (absent.dtype != input.dtype || absent.ndim != shape.Length || absent.shape.Zip(shape).Any(size => size.First != 1 && size.First != size.Second))
            throw new ArgumentException($"What stands in for absent entries is {Text(absent)}, but the input is {Text(input)}: give one for all samples or one for each, of that type.", nameof(absent));
        return input;

        static string Text(Tensor tensor) => $"[{string.Join(", ", tensor.shape)}] {tensor.dtype}";
    }

    /// <summary>Releases the tensors.</summary>
    public void Dispose()
    {
        Input.Dispose();
        Targets.Dispose();
        Absent.Dispose();
    }
}
