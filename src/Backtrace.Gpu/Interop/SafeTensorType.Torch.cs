using TorchSharp;

namespace Backtrace.Gpu.Interop;

public static partial class SafeTensorTypes
{
    /// <summary>The torch element type of the same layout.</summary>
    public static torch.ScalarType ToScalarType(this SafeTensorType type) => type switch
    {
        SafeTensorType.Bool => torch.ScalarType.Bool,
        SafeTensorType.U8 => torch.ScalarType.Byte,
        SafeTensorType.I8 => torch.ScalarType.Int8,
        SafeTensorType.I16 => torch.ScalarType.Int16,
        SafeTensorType.F16 => torch.ScalarType.Float16,
        SafeTensorType.BF16 => torch.ScalarType.BFloat16,
        SafeTensorType.I32 => torch.ScalarType.Int32,
        SafeTensorType.F32 => torch.ScalarType.Float32,
        SafeTensorType.I64 => torch.ScalarType.Int64,
        _ => torch.ScalarType.Float64,
    };

    /// <summary>The file type that stores a torch element type.</summary>
    /// <returns>False for complex and quantised types, which the format has no name for.</returns>
    public static bool TryFrom(torch.ScalarType scalar, out SafeTensorType type)
    {
        foreach (SafeTensorType candidate in Enum.GetValues<SafeTensorType>())
        {
            if (candidate.ToScalarType() == scalar)
            {
                type = candidate;
                return true;
            }
        }
        type = default;
        return false;
    }
}
