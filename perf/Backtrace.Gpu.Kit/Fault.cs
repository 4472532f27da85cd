using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kit;

/// <summary>What an exception says, in one line.</summary>
internal static class Fault
{
    internal static string Text(Exception e) =>
        e is DeviceException or InvalidOperationException ? e.Message : $"{e.GetType().Name}: {e.GetBaseException().Message.Split('\n')[0]}";
}
