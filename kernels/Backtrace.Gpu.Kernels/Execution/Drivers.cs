using ILGPU;

namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>The entry points that ILGPU compiles, one instance per kernel struct.</summary>
internal static class Drivers
{
    public static void Elementwise<T>(long total, T kernel)
        where T : struct, IElementwise =>
        kernel.Run<Scalar>(Share.OfThread(total));

    /// <summary>For processors: eight entries at a time, so that vectors need no proof that operands do not overlap.</summary>
    public static void ElementwiseWide<T>(long total, T kernel)
        where T : struct, IElementwise
    {
        Share octets = Share.OfThread(total / 8);
        kernel.Run<Octet>(new Share(octets.Begin * 8, octets.End * 8, 8));
        if (Grid.IdxX == Grid.DimX - 1)
            kernel.Run<Scalar>(new Share(total / 8 * 8, total, 1));
    }

    public static void Items<T>(long total, T kernel)
        where T : struct, IKernel =>
        kernel.Run(Share.OfThread(total));

    public static void Groups<T>(T kernel)
        where T : struct, IGroupKernel =>
        kernel.Run();
}
