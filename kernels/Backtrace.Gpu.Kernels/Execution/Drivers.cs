namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>The entry points that ILGPU compiles, one instance per kernel struct.</summary>
internal static class Drivers
{
    public static void Elementwise<T>(long total, T kernel)
        where T : struct, IElementwise =>
        kernel.Run<Scalar>(Share.OfThread(total));

    public static void Items<T>(long total, T kernel)
        where T : struct, IKernel =>
        kernel.Run(Share.OfThread(total));

    public static void Groups<T>(T kernel)
        where T : struct, IGroupKernel =>
        kernel.Run();
}
