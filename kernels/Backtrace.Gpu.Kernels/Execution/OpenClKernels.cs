using System.Runtime.CompilerServices;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.OpenCL;
using ILGPU.Runtime;

namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>Compiles kernels for OpenCL devices from repaired sources.</summary>
internal static class OpenClKernels
{
    /// <summary>A launcher of the static method that <paramref name="body"/> stands for; its first parameter is the stream.</summary>
    public static TLauncher Load<TLauncher>(Accelerator accelerator, Delegate body)
        where TLauncher : Delegate
    {
        var compiled = (CLCompiledKernel)accelerator.CompileKernel(EntryPointDescription.FromExplicitlyGroupedKernel(body.Method));
        Source(compiled) = OpenClSource.Repair(compiled.Source);
        return accelerator.LoadKernel(compiled).CreateLauncherDelegate<TLauncher>();
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "<Source>k__BackingField")]
    private static extern ref string Source(CLCompiledKernel kernel);
}
