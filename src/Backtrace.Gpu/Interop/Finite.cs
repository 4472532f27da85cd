using System.Runtime.Intrinsics;
using TorchSharp;

namespace Backtrace.Gpu.Interop;

/// <summary>Finds NaN and infinity.</summary>
internal static unsafe class Finite
{
    /// <summary>True if every value of a floating-point tensor is finite; other types always are.</summary>
    public static bool IsFinite(torch.Tensor tensor)
    {
        if (!tensor.is_floating_point())
            return true;
        RawTensor raw = new(tensor.Handle);
        if (raw.Type == torch.ScalarType.Float32 && raw.IsContiguous && raw.IsOnCpu)
            return IsFinite(new ReadOnlySpan<float>((float*)raw.Data, checked((int)tensor.numel())));
        using torch.Tensor finite = tensor.isfinite();
        using torch.Tensor all = finite.all();
        return all.item<bool>();
    }

    /// <summary>True if every value is finite.</summary>
    public static bool IsFinite(ReadOnlySpan<float> values)
    {
        // x - x is 0 for finite x, else NaN; NaN stays NaN in a sum.
        Vector256<float> sum = Vector256<float>.Zero;
        int i = 0;
        for (; i + 8 <= values.Length; i += 8)
        {
            Vector256<float> x = Vector256.Create(values[i..]);
            sum += x - x;
        }

        float rest = Vector256.Sum(sum);
        for (; i < values.Length; i++)
            rest += values[i] - values[i];
        return rest == 0;
    }
}
