using Backtrace.Gpu.Kernels.Rules;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Graphs;

// Complex numbers, as pairs of real ones: a Fourier transform is a product with a matrix, a complex product the sums of products that it stands for.
internal static partial class Lowerings
{
    // The matrix of a Fourier transform holds the square of this many numbers.
    private const long LongestTransform = 4096;

    private const string WithoutRule = "of complex numbers has no rule: write it in real and imaginary parts";

    private static readonly HashSet<string> Conjugations = ["conj", "_conj", "conj_physical", "_conj_physical"];

    /// <summary>Operators of complex numbers that can be recorded, besides those that real ones have too.</summary>
    internal static readonly string[] ComplexNames =
    [
        "view_as_complex", "complex", "polar", "view_as_real", "real", "imag", "angle", "conj", "_conj", "conj_physical", "_conj_physical", "resolve_conj", "resolve_neg",
        "fft_fft", "fft_ifft", "fft_rfft", "fft_irfft", "fft_fft2", "fft_ifft2", "fft_rfft2", "fft_irfft2", "fft_fftn", "fft_ifftn", "fft_rfftn", "fft_irfftn",
    ];

    /// <summary>True if a call reads or makes complex numbers.</summary>
    internal static bool IsComplex(OperatorCall call) => GraphRecorder.IsComplex(call.Output) || Array.Exists(GraphRecorder.DynamicInputs(call.Arguments), GraphRecorder.IsComplex);

    /// <summary>Records a call of complex numbers by their parts, or refuses it.</summary>
    internal static void LowerComplex(OperatorCall call)
    {
        if (Array.Find(GraphRecorder.DynamicInputs(call.Arguments), value => value.Producer != null && !call.HasParts(value)) is { } refused)
        {
            call.Emit(new Identity(call.Label), [refused]); // named where it was refused
            return;
        }

        if (call.Label is "cat" or "concat" or "concatenate" or "stack")
        {
            Join(call);
            return;
        }

        (Tensor Real, Tensor? Imaginary)? known = call[0].IsTensor ? call.Parts(call[0].Tensor) : null, other = call[1].IsTensor ? call.Parts(call[1].Tensor) : null;
        if (known is not var (re, im) || (call[1].IsTensor && other is null) || call.Outputs.Length != 1)
        {
            call.RefuseParts(WithoutRule);
            return;
        }

        string name = call.Label;
        if (name.StartsWith("fft_", StringComparison.Ordinal))
        {
            if (ComplexNames.Contains(name))
                Transform(call, re, im);
            else
                call.RefuseParts("has no rule: use the transform of complex numbers, or that of real ones and its inverse");
            return;
        }

        switch (name)
        {
            case "view_as_real" when im is not null:
                call.Rewrite(() => stack([re, im], -1));
                break;
            case "real":
                call.Rewrite(() => re.alias());
                break;
            case "imag" when im is not null:
                call.Rewrite(() => im.alias());
                break;
            case "abs" when im is not null:
                call.Rewrite(() => (re.square() + im.square()).sqrt());
                break;
            case "angle" when im is not null:
                call.Rewrite(() => im.atan2(re));
                break;
            case "view_as_complex":
                call.RewriteParts(() => (re.select(-1, 0), re.select(-1, 1)));
                break;
            case "complex":
                call.RewriteParts(() => (re, other!.Value.Real));
                break;
            case "polar":
                call.RewriteParts(() => (re * other!.Value.Real.cos(), re * other.Value.Real.sin()));
                break;
            default:
                if (Written(call, (re, im), other) is { } written)
                    call.RewriteParts(written);
                else
                    call.RefuseParts(WithoutRule);
                break;
        }
    }

    // (tensors, axis)
    private static void Join(OperatorCall call)
    {
        (Tensor Real, Tensor? Imaginary)?[] pieces = Array.ConvertAll(call[0].Items, item => call.Parts(item.Tensor));
        if (Array.Exists(pieces, piece => piece is null))
        {
            call.RefuseParts(WithoutRule);
            return;
        }

        Tensor Joined(Func<(Tensor Real, Tensor? Imaginary), Tensor> part)
        {
            Tensor[] all = Array.ConvertAll(pieces, piece => part(piece!.Value));
            return call.Label == "stack" ? stack(all, call[1].Integer) : cat(all, call[1].Integer);
        }

        call.RewriteParts(() => (Joined(piece => piece.Real), Joined(piece => piece.Imaginary ?? zeros_like(piece.Real))));
    }

    // What makes complex numbers of complex numbers, or null.
    private static Func<(Tensor Real, Tensor Imaginary)>? Written(OperatorCall call, (Tensor Real, Tensor? Imaginary) a, (Tensor Real, Tensor? Imaginary)? second)
    {
        Func<(Tensor, Tensor)> Each(Func<Tensor, Tensor> map) => () => (map(a.Real), map(a.Imaginary ?? zeros_like(a.Real)));
        double number = call[1].IsNumber ? call[1].Number : 0, alpha = Factor(call[2]);
        if (call.Label is "expand" or "resolve_conj" or "resolve_neg" or "positive" || ReshapeNames.Contains(call.Label))
            return Each(part => call.Label == "expand" ? part.expand(call.Output.Sizes) : part.reshape(call.Output.Sizes));
        if (Conjugations.Contains(call.Label))
            return () => (a.Real, -(a.Imaginary ?? zeros_like(a.Real)));
        switch (call.Label)
        {
            case "neg":
                return Each(part => -part);
            case "transpose":
                return Each(part => part.transpose(call[1].Integer, call[2].Integer));
            case "permute":
                return Each(part => part.permute([.. call[1].Integers.Select(axis => (long)axis)]));
            case "select":
                return Each(part => part.select(call[1].Integer, call[2].Integer));
            case "slice":
                return Each(part => part.slice(call[1].Integer, call[2].IsNone ? 0 : call[2].Integer, call[3].IsNone ? long.MaxValue : call[3].Integer, call[4].IsNone ? 1 : call[4].Integer));
            case "mul" or "multiply" when call[1].IsNumber:
                return Each(part => part * number);
            case "div" or "divide" or "true_divide" when call[1].IsNumber && call.Count == 2:
                return Each(part => part / number);
        }

        if (second is not var (re, im))
            return null;
        return call.Label switch
        {
            "div" or "divide" or "true_divide" when im is null && call.Count == 2 => Each(part => part / re),
            "add" when a.Imaginary is not null && im is not null => () => (a.Real + re * alpha, a.Imaginary + im * alpha),
            "sub" or "subtract" when a.Imaginary is not null && im is not null => () => (a.Real - re * alpha, a.Imaginary - im * alpha),
            "mul" or "multiply" when im is null => Each(part => part * re),
            "mul" or "multiply" when a.Imaginary is null => () => (a.Real * re, a.Real * im),
            "mul" or "multiply" => () => (a.Real * re - a.Imaginary * im, a.Real * im + a.Imaginary * re),
            "mm" or "bmm" or "matmul" when a.Imaginary is not null && im is not null && a.Real.dim() > 1 && re.dim() > 1 => () => Product(cat([a.Real, a.Imaginary], -1), re, im),
            _ => null,
        };
    }

    // Rows of both parts, times a matrix.
    private static (Tensor Real, Tensor Imaginary) Product(Tensor rows, Tensor re, Tensor im) => (rows.matmul(cat([re, -im], -2)), rows.matmul(cat([im, re], -2)));

    // (self, length or lengths?, axis or axes?, ...), one axis after the other.
    private static void Transform(OperatorCall call, Tensor re, Tensor? im)
    {
        string name = call.Label["fft_".Length..];
        bool isInverse = name.StartsWith('i'), isHalf = name.Contains('r');
        int[] axes = AxesOf(call);
        long[] lengths = [.. axes.Select((axis, k) => !isHalf || isInverse || k < axes.Length - 1 ? call.Output.Sizes[axis]
            : call[1].Kind == ArgumentKind.List ? call[1].Integers[k] : call[1].IsNumber ? call[1].Integer : call[0].Tensor.Sizes[axis])];
        if (lengths.Max() > LongestTransform)
        {
            call.RefuseParts($"of {lengths.Max()} entries has no rule: it would need a matrix of {lengths.Max()} × {lengths.Max()}, and {LongestTransform} is the most");
            return;
        }

        // The half transform comes first, its inverse last; both along the last axis of the list.
        int[] order = [.. Enumerable.Range(0, axes.Length)];
        if (isHalf && !isInverse)
            Array.Reverse(order);
        double factor = ScaleOf(call, lengths, axes);
        if (isHalf && isInverse)
            call.Rewrite(() => All().Real);
        else
            call.RewriteParts(() => All() is var (real, imaginary) ? (real, imaginary!) : default);

        (Tensor Real, Tensor? Imaginary) All()
        {
            (Tensor Real, Tensor? Imaginary) now = (re, im);
            for (int step = 0; step < order.Length; step++)
            {
                int k = order[step];
                now = AlongAxis(now, axes[k], lengths[k], isInverse, isHalf && k == axes.Length - 1, step == 0 ? factor : 1);
            }

            return now;
        }
    }

    private static int[] AxesOf(OperatorCall call)
    {
        int rank = call.Output.Sizes.Length;
        int count = call.Label.EndsWith('2') ? 2 : !call.Label.EndsWith('n') ? 1 : call[1].Kind == ArgumentKind.List && call[1].Items.Length > 0 ? call[1].Items.Length : rank;
        int[] axes = call[2].Kind == ArgumentKind.List && call[2].Items.Length > 0 ? call[2].Integers
            : call[2].IsNumber ? [(int)call[2].Integer]
            : [.. Enumerable.Range(rank - count, count)];
        return [.. axes.Select(axis => axis < 0 ? axis + rank : axis)];
    }

    // The name of the scaling is a text, which is not read: it is 1, 1/√n or 1/n, whichever makes the result what it is.
    private static double ScaleOf(OperatorCall call, long[] lengths, int[] axes)
    {
        using var quiet = Interop.OperatorTap.Quietly();
        using var scope = NewDisposeScope();
        double entries = lengths.Aggregate(1.0, (product, length) => product * length);
        bool isInverse = call.Label.StartsWith("fft_i", StringComparison.Ordinal);
        Tensor result = call.Output.ToTensor(), input = call[0].Tensor.ToTensor();
        double[] scales = [1, 1 / Math.Sqrt(entries), 1 / entries];
        double expected = isInverse ? scales[2] : scales[0], made = result.abs().sum().ToDouble();
        if (made == 0)
            return expected;
        long[] along = Array.ConvertAll(axes, axis => (long)axis);
        Tensor plain = call.Label[4..] switch
        {
            "fft" or "fft2" or "fftn" => fft.fftn(input, lengths, along),
            "ifft" or "ifft2" or "ifftn" => fft.ifftn(input, lengths, along),
            "rfft" or "rfft2" or "rfftn" => fft.rfftn(input, lengths, along),
            _ => fft.irfftn(input, lengths, along),
        };
        double ratio = made / plain.abs().sum().ToDouble() * expected;
        return scales.MinBy(scale => Math.Abs(Math.Log(scale / ratio)));
    }

    // Each result is a unit over the real and imaginary parts of all entries.
    private static (Tensor Real, Tensor? Imaginary) AlongAxis((Tensor Real, Tensor? Imaginary) z, int axis, long length, bool isInverse, bool isHalf, double factor)
    {
        long read = isHalf && isInverse ? length / 2 + 1 : length, made = isHalf && !isInverse ? length / 2 + 1 : length;
        Tensor cosine, sine;
        using (Interop.OperatorTap.Quietly())
        {
            Tensor angles = (arange(read, int64).unsqueeze(1) * arange(made, int64)).remainder(length).to(float64) * (2 * Math.PI / length);
            Tensor weights = full([read, 1], factor, float64);
            if (isHalf && isInverse)
                weights = weights * (1 + arange(read, int64).remainder(length).ne(0).logical_and((arange(read, int64) * 2).ne(length)).to(float64)).unsqueeze(1);
            cosine = (angles.cos() * weights).to(z.Real.dtype);
            sine = (angles.sin() * weights * (isInverse ? -1 : 1)).to(z.Real.dtype);
        }

        Tensor Ready(Tensor part)
        {
            Tensor last = part.transpose(axis, -1);
            long missing = read - last.shape[^1];
            return missing == 0 ? last : missing < 0 ? last.narrow(-1, 0, read) : nn.functional.pad(last, [0, missing], PaddingModes.Constant, 0);
        }

        Tensor Product(Tensor ofReal, Tensor ofImaginary)
        {
            Tensor units = z.Imaginary is null ? Ready(z.Real) : cat([Ready(z.Real), Ready(z.Imaginary)], -1), matrix;
            using (Interop.OperatorTap.Quietly())
                matrix = z.Imaginary is null ? ofReal : cat([ofReal, ofImaginary], 0);
            return units.matmul(matrix).transpose(axis, -1);
        }

        Tensor real = Product(cosine, sine);
        if (isHalf && isInverse)
            return (real, null);
        Tensor negative;
        using (Interop.OperatorTap.Quietly())
            negative = -sine;
        return (real, Product(negative, cosine));
    }
}
