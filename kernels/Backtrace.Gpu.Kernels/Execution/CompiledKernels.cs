using System.Runtime.CompilerServices;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.OpenCL;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;

namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>Compiles kernels for GPUs from repaired sources.</summary>
internal static class CompiledKernels
{
    /// <summary>A launcher of the static method that <paramref name="body"/> stands for; its first parameter is the stream.</summary>
    public static TLauncher Load<TLauncher>(Accelerator accelerator, Delegate body)
        where TLauncher : Delegate
    {
        var compiled = accelerator.CompileKernel(EntryPointDescription.FromExplicitlyGroupedKernel(body.Method));
        if (compiled is CLCompiledKernel openCl)
            Source(openCl) = OpenClSource.Repair(openCl.Source);
        else if (compiled is PTXCompiledKernel ptx)
            Assembly(ptx) = PtxSource.Repair(ptx.PTXAssembly);
        return accelerator.LoadKernel(compiled).CreateLauncherDelegate<TLauncher>();
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "<Source>k__BackingField")]
    internal static extern ref string Source(CLCompiledKernel kernel);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "<PTXAssembly>k__BackingField")]
    internal static extern ref string Assembly(PTXCompiledKernel kernel);
}
