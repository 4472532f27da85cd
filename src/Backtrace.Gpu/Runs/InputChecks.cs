using Backtrace.Gpu.Graphs;
using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Targets;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Runs;

/// <summary>What inputs must be before anything is explained.</summary>
internal static class InputChecks
{
    /// <summary>Refuses inputs that nothing could be explained of.</summary>
    /// <exception cref="InvalidModelException">Says which input and why.</exception>
    public static void Ensure(IReadOnlyList<Tensor> inputs)
    {
        if (inputs.Count == 0)
            throw new InvalidModelException("No input was given.");
        for (int k = 0; k < inputs.Count; k++)
        {
            if (WhyUnusable(inputs[k]) is { } reason)
                throw new InvalidModelException($"Input {k} {reason}");
            if (inputs[k].numel() == 0)
                throw new InvalidModelException($"Input {k} is empty: its shape is [{string.Join(", ", inputs[k].shape)}].");
            if (!Finite.IsFinite(inputs[k]))
            {
                (string samples, long? first) = PlaceOfNonFinite(inputs[k]);
                throw new InvalidModelException($"Input {k} contains NaN or infinity{samples}. Give masks of attention as booleans, or let the function that is explained hold them.") { Sample = first };
            }

            for (int other = 0; other < k; other++)
            {
                if (ReferenceEquals(inputs[k], inputs[other]))
                    throw new InvalidModelException($"Inputs {other} and {k} are one tensor: the relevance of one could not be told from the other's. Give a clone.");
            }
        }

        if (inputs.All(i => i.dtype == ScalarType.Bool))
            throw new InvalidModelException("All inputs are boolean, and masks carry no relevance. Give numbers: input.to(float32).");
    }

    /// <summary>Refuses the output of a model that was given one sample without batch axis: it answers with classes where samples are expected.</summary>
    /// <exception cref="TargetException">The output has as many samples as none of the inputs.</exception>
    public static void EnsureBatch(Value output, IReadOnlyList<Tensor> inputs, IReadOnlyList<Target> targets)
    {
        if (output.Sizes is [var samples and > 1] && inputs.All(i => i.ndim == 0 || i.shape[0] != samples) && targets.Any(t => t is not CustomTarget))
        {
            throw new TargetException(
                $"The output is [{samples}] for {string.Join(" and ", inputs.Select(i => $"[{string.Join(", ", i.shape)}]"))}: each of its numbers would count as a sample. Give inputs with a batch axis, such as input.unsqueeze(0).");
        }
    }

    private static (string Text, long? First) PlaceOfNonFinite(Tensor input)
    {
        using Tensor finite = input.isfinite(), isBad = finite.logical_not();
        return BadSamples.In(isBad);
    }

    private static string? WhyUnusable(Tensor? input) => input switch
    {
        null => "is null.",
        { IsInvalid: true } => "was disposed.",
        { device_type: DeviceType.META } => "has no values: it is on the device meta.",
        { is_sparse: true } => "is sparse. Give input.to_dense().",
        _ => input.is_complex() ? "is complex. Give its real and its imaginary part as two inputs." : null,
    };
}
