using System.Collections.Concurrent;
using System.Reflection;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Tests.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace Backtrace.Gpu.Tests.Ptx;

/// <summary>
/// Runs kernels by executing the PTX that ILGPU makes of them for an NVIDIA GPU, repaired as in production.
/// </summary>
internal sealed class PtxEmulator : IKernelLoader
{
    private static readonly ConcurrentDictionary<MethodInfo, PtxProgram> Programs = [];
    private static readonly ConcurrentDictionary<Type, bool> Kernels = [];

    /// <summary>The kernels that were launched so far, on any device.</summary>
    internal static ICollection<Type> Launched => Kernels.Keys;

    public Action<KernelConfig, long, T> Load<T>(Action<long, T> body)
        where T : struct
    {
        PtxProgram program = Compile(body.Method);
        var map = PtxArguments.Mapper<Func<object?, object?, object?, long, T, byte[]>>(body.Method);
        return (config, total, kernel) => Launch(program, config, kernel, map(null, null, null, total, kernel));
    }

    public Action<KernelConfig, T> Load<T>(Action<T> body)
        where T : struct
    {
        PtxProgram program = Compile(body.Method);
        var map = PtxArguments.Mapper<Func<object?, object?, object?, T, byte[]>>(body.Method);
        return (config, kernel) => Launch(program, config, kernel, map(null, null, null, kernel));
    }

    private static PtxProgram Compile(MethodInfo body) => Programs.GetOrAdd(body, static key => PtxParser.Parse(Lowering.ToPtx(key)));

    private static void Launch<T>(PtxProgram program, in KernelConfig config, in T kernel, byte[] parameters)
        where T : struct
    {
        if (config.GroupDim is not { Y: 1, Z: 1 } || config.UsesDynamicSharedMemory)
            throw new PtxFault($"{typeof(T).Name}: groups of one axis without dynamic memory are expected");
        try
        {
            PtxLauncher.Launch(program, (config.GridDim.X, config.GridDim.Y, config.GridDim.Z), config.GroupDim.X, parameters, PtxViews.Of(kernel));
        }
        catch (PtxFault fault)
        {
            throw new PtxFault($"{KernelInstances.Name(typeof(T))}: {fault.Message}") { Line = fault.Line };
        }

        Kernels[typeof(T)] = true;
    }
}
