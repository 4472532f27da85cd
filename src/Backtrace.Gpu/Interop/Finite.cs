using TorchSharp;

namespace Backtrace.Gpu.Interop;

/// <summary>Finds NaN and infinity in tensors.</summary>
internal static unsafe class Finite
{
    /// <summary>True if every value is finite.</summary>
    public static bool IsFinite(ReadOnlySpan<float> values)
    {
        fixed (float* first = values)
            return FiniteScan.FirstNonFinite((byte*)first, values.Length, SafeTensorType.F32) < 0;
    }

    /// <summary>True if every value of a floating-point tensor is finite; other types always are.</summary>
    public static bool IsFinite(torch.Tensor tensor)
    {
        RawTensor raw = new(tensor.Handle);
        SafeTensorType type = raw.Type switch
        {
            torch.ScalarType.Float32 => SafeTensorType.F32,
            torch.ScalarType.Float64 => SafeTensorType.F64,
            torch.ScalarType.Float16 => SafeTensorType.F16,
            torch.ScalarType.BFloat16 => SafeTensorType.BF16,
            _ => SafeTensorType.Bool,
        };
        if (type == SafeTensorType.Bool)
            return true;
        if (raw.IsContiguous && raw.IsOnCpu)
            return FiniteScan.FirstNonFinite((byte*)raw.Data, tensor.numel(), type) < 0;
        using torch.Tensor finite = tensor.isfinite();
        using torch.Tensor all = finite.all();
        return all.item<bool>();
    }
}
