using System.Reflection;
using System.Reflection.Emit;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.IL;
using ILGPU.Backends.PTX;

namespace Backtrace.Gpu.Tests.Ptx;

/// <summary>
/// The bytes of a kernel's parameters as ILGPU hands them to CUDA's driver: by its own mapping of arguments, so that what the host writes is checked against what the
/// device reads.
/// </summary>
internal static unsafe class PtxArguments
{
    // A launcher of ILGPU takes the kernel, the stream and the geometry first.
    private static readonly Type[] Before = [typeof(object), typeof(object), typeof(object)];

    private static readonly Context Context = Context.Create(b => b.Optimize(OptimizationLevel.O2));
    private static readonly Lock Guard = new();

    /// <summary>
    /// A function from the arguments of <paramref name="body"/>, after three that are not looked at, to bytes. <typeparamref name="TFunction"/> has the matching types.
    /// </summary>
    internal static TFunction Mapper<TFunction>(MethodInfo body)
        where TFunction : Delegate
    {
        lock (Guard)
        {
            EntryPoint entryPoint = new(EntryPointDescription.FromExplicitlyGroupedKernel(body), default, default);
            DynamicMethod method = new("Map", typeof(byte[]), [.. Before, .. body.GetParameters().Select(p => p.ParameterType)], typeof(Device).Module, skipVisibility: true);
            ILEmitter emitter = new(method.GetILGenerator());
            (ILLocal local, int size) = new PTXArgumentMapper(Context).Map(emitter, entryPoint);
            emitter.Emit(LocalOperation.LoadAddress, local);
            emitter.Emit(OpCodes.Conv_U);
            emitter.EmitConstant(size);
            emitter.EmitCall(typeof(PtxArguments).GetMethod(nameof(Copy), BindingFlags.Static | BindingFlags.NonPublic)!);
            emitter.Emit(OpCodes.Ret);
            emitter.Finish();
            return method.CreateDelegate<TFunction>();
        }
    }

    private static byte[] Copy(void* arguments, int size) => new ReadOnlySpan<byte>(arguments, size).ToArray();
}
