using TorchSharp;

namespace Backtrace.Gpu.Interop;

public sealed unsafe partial class SafeTensorsFile
{
    /// <summary>A copy as a CPU tensor of the file's shape and element type; the caller disposes it.</summary>
    /// <exception cref="SafeTensorsException">The file has no such tensor.</exception>
    public torch.Tensor ToTensor(string name)
    {
        SafeTensorInfo info = this[name];
        torch.Tensor tensor = torch.empty([.. info.Shape], info.Type.ToScalarType(), torch.CPU);
        if (info.Bytes > 0)
        {
            using UnmanagedMemoryStream source = new(Pointer(info), info.Bytes);
            tensor.ReadBytesFromStream(source);
        }
        return tensor;
    }
}
