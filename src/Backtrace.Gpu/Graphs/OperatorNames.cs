using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace Backtrace.Gpu.Graphs;

/// <summary>Names of operators by the address of their text, which libtorch never moves: no string is made per call.</summary>
internal static class OperatorNames
{
    private static readonly ConcurrentDictionary<nint, (string Name, Lowering? Lowering, bool InPlace)> Known = new();
    private static readonly ConcurrentDictionary<nint, bool> Composite = new();
    private static readonly ConcurrentDictionary<nint, bool> Memory = new();
    private static readonly ConcurrentDictionary<nint, string> Texts = new();

    public static (string Name, Lowering? Lowering, bool InPlace) Find(nint name) => Known.GetOrAdd(name, static address =>
    {
        string text = Marshal.PtrToStringUTF8(address) ?? "";
        text = text.StartsWith("aten::", StringComparison.Ordinal) ? text[6..] : text;
        bool inPlace = IsInPlace(text);
        return (text, Lowerings.Find(inPlace ? text[..^1] : text), inPlace);
    });

    /// <summary>True for <c>relu_</c>, not for <c>__lshift__</c>.</summary>
    public static bool IsInPlace(string name) => name.EndsWith('_') && !name.EndsWith("__", StringComparison.Ordinal);

    public static bool IsComposite(nint name) => Composite.GetOrAdd(name, static address => Lowerings.IsComposite(Find(address).Name));

    /// <summary>True if an overload is given memory for its result, as its last argument. TorchSharp's zero_ is one.</summary>
    public static bool HasMemory(nint overload) =>
        Memory.GetOrAdd(overload, static address => Text(address) is "out" || Text(address).EndsWith("_out", StringComparison.Ordinal));

    public static string Text(nint address) => address == 0 ? "" : Texts.GetOrAdd(address, static a => Marshal.PtrToStringUTF8(a) ?? "");
}
