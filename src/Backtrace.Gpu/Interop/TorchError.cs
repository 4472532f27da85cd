using System.Runtime.InteropServices;

namespace Backtrace.Gpu.Interop;

/// <summary>What libtorch's errors say.</summary>
internal static class TorchError
{
    private static readonly string[] OutOfMemory = ["can't allocate memory", "not enough memory", "out of memory"];

    /// <summary>Whether libtorch threw it, or TorchSharp, which looks at some arguments itself, such as the shapes of convolutions.</summary>
    public static bool IsOfTorch(Exception error) =>
        error is ExternalException || (error is ArgumentException or InvalidOperationException && error.Source == typeof(TorchSharp.torch).Assembly.GetName().Name);

    /// <summary>The message without the list of native functions that follows it.</summary>
    public static string Reason(Exception error)
    {
        int end = error.Message.IndexOf("Exception raised from", StringComparison.Ordinal);
        return (end < 0 ? error.Message : error.Message[..end]).Trim();
    }

    /// <summary>Whether memory could not be had, on the processor or a GPU.</summary>
    public static bool IsOutOfMemory(Exception error) => OutOfMemory.Any(words => Reason(error).Contains(words, StringComparison.OrdinalIgnoreCase));
}
