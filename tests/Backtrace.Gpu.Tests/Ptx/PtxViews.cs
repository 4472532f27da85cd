using System.Reflection;
using ILGPU;
using ILGPU.Runtime;

namespace Backtrace.Gpu.Tests.Ptx;

/// <summary>The memory that a kernel is given: that of all views among its fields.</summary>
internal static class PtxViews
{
    internal static IEnumerable<(ulong Start, ulong Bytes)> Of(object value)
    {
        if (value is ArrayView<float> view)
            return view.Length > 0 ? [((ulong)view.LoadEffectiveAddressAsPtr(), (ulong)view.LengthInBytes)] : [];
        if (value is IArrayView)
            throw new NotSupportedException($"{value.GetType()} among the fields of a kernel.");
        return value.GetType() is { IsPrimitive: true } or { IsEnum: true }
            ? []
            : value.GetType().GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic).SelectMany(field => Of(field.GetValue(value)!));
    }
}
