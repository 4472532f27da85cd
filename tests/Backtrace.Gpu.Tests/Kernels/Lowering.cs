using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.CompilerServices;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;
using ILGPU.Backends;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.OpenCL;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace Backtrace.Gpu.Tests.Kernels;

/// <summary>Compiles kernels for GPUs that are not there. A failed compilation spoils its context, so each gets its own.</summary>
internal static class Lowering
{
    private static readonly ConcurrentDictionary<MethodInfo, string> Ptx = [];

    public static string ToPtx(MethodInfo entryPoint) => Ptx.GetOrAdd(entryPoint, CompileToPtx);

    public static string ToOpenCl(MethodInfo entryPoint)
    {
        using Context context = NewContext();
        using CLBackend backend = new(context, AllCapabilities(true, true, true, true, true), CLDeviceVendor.Other, new CLCVersion(3, 0));
        var compiled = (CLCompiledKernel)Compile(backend, entryPoint);
        return OpenClSource.Repair(CompiledKernels.Source(compiled));
    }

    private static string CompileToPtx(MethodInfo entryPoint)
    {
        using Context context = NewContext();
        using PTXBackend backend = new(context, CudaArchitecture.SM_90, CudaInstructionSet.ISA_80, null!);
        var compiled = (PTXCompiledKernel)Compile(backend, entryPoint);
        return PtxSource.Repair(CompiledKernels.Assembly(compiled));
    }

    private static Context NewContext() => Context.Create(b => b.Optimize(OptimizationLevel.O2));

    private static CompiledKernel Compile(Backend backend, MethodInfo entryPoint) =>
        backend.Compile(EntryPointDescription.FromExplicitlyGroupedKernel(entryPoint), default);

    [UnsafeAccessor(UnsafeAccessorKind.Constructor)]
    private static extern CLCapabilityContext AllCapabilities(bool a, bool b, bool c, bool d, bool e);
}
