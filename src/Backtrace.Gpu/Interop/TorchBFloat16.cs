using Backtrace.Gpu.Kernels.Contraction;

namespace Backtrace.Gpu.Interop;

/// <summary>
/// libtorch's product of small bf16 matrices (<c>at::native::cpublas::brgemm</c>, compiled by oneDNN for the processor at hand). It multiplies bf16
/// and sums in fp32, into the memory that it is given, on the calling thread.
/// </summary>
internal static class TorchBFloat16
{
    private static readonly NativeExport Product = new(
        "torch_cpu", "_ZN2at6native7cpublas6brgemmEllllllbPKN3c108BFloat16ES5_Pfb", "?brgemm@cpublas@native@at@@YAX_J00000_NPEBUBFloat16@c10@@2PEAM_N@Z");

    private static readonly Lazy<BFloat16Kernel> Found = new(Find);

    /// <summary>The kernel where the processor multiplies bf16 fast and libtorch may use oneDNN, else none.</summary>
    public static BFloat16Kernel Kernel => ProcessorBf16.IsFast ? Found.Value : default;

    private static BFloat16Kernel Find()
    {
        try
        {
            return OneDnn.IsEnabled ? new BFloat16Kernel(Product.Address) : default;
        }
        catch (EntryPointNotFoundException)
        {
            return default;
        }
    }
}
