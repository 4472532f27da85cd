using System.Text.RegularExpressions;

namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>
/// Says in the PTX that ILGPU writes which memory is meant where it has lost track (a pointer plus several offsets): raw pointers of
/// kernels always point to global memory, and shared memory is reached through views only.
/// </summary>
internal static partial class PtxSource
{
    public static string Repair(string assembly) => GenericAccess().Replace(assembly, "$1.global.");

    [GeneratedRegex(@"\b(ld|st)\.(?=[fbus]\d|v[24]\.)")]
    private static partial Regex GenericAccess();
}
