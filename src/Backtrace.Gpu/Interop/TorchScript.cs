namespace Backtrace.Gpu.Interop;

/// <summary>libtorch's interpreter of TorchScript.</summary>
internal static unsafe class TorchScript
{
    private static readonly NativeExport SetOptimize = new("torch_cpu", "_ZN5torch3jit24setGraphExecutorOptimizeEb", "?setGraphExecutorOptimize@jit@torch@@YAX_N@Z");

    /// <summary>
    /// Whether programs are rewritten on this thread after their first runs. Then one node may stand for several operators, with a gradient of its own.
    /// </summary>
    public static void Optimise(bool on) => ((delegate* unmanaged<byte, void>)SetOptimize.Address)(on ? (byte)1 : (byte)0);
}
