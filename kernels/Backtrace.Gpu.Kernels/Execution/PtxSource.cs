using System.Text.RegularExpressions;

namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>
/// Says in the PTX what ILGPU leaves open. Which memory is meant where it has lost track (a pointer plus several offsets): raw pointers of
/// kernels always point to global memory, and shared memory is reached through views only. And that products are rounded before they are
/// added: drivers fuse the two otherwise, and a rule that takes a·b from the same a·b is left with a rounding error to share out. Kernels of groups, the
/// contractions among them, may fuse: they add up, and nothing in them has to cancel to the bit.
/// </summary>
internal static partial class PtxSource
{
    public static string Repair(string assembly)
    {
        assembly = GenericAccess().Replace(assembly, "$1.global.");
        return assembly.Contains($".entry Kernel_{nameof(Drivers.Groups)}(", StringComparison.Ordinal) ? assembly : Fusible().Replace(assembly, "$1.rn.f32");
    }

    [GeneratedRegex(@"\b(ld|st)\.(?=[fbus]\d|v[24]\.)")]
    private static partial Regex GenericAccess();

    [GeneratedRegex(@"\b(add|sub|mul)\.f32\b")]
    private static partial Regex Fusible();
}
