using System.Runtime.InteropServices;

namespace Backtrace.Gpu.Interop;

/// <summary>What libtorch's errors say.</summary>
internal static class TorchError
{
    private static readonly string[] OutOfMemory = ["can't allocate memory", "not enough memory", "out of memory"];

    // A check that failed adds the second one alone, such as that of memory on the processor.
    private static readonly string[] NativeFrames = ["Exception raised from", "frame #0: "];

    private const string EmptyHandle = "empty handle";

    /// <summary>Whether libtorch threw it, or TorchSharp, which looks at some arguments itself, such as the shapes of convolutions.</summary>
    public static bool IsOfTorch(Exception error) =>
        error is ExternalException || (error is ArgumentException or InvalidOperationException && error.Source == typeof(TorchSharp.torch).Assembly.GetName().Name);

    /// <summary>The message without the list of native functions that follows it.</summary>
    public static string Reason(Exception error)
    {
        string reason = error.Message;
        foreach (string frames in NativeFrames)
        {
            int end = reason.IndexOf(frames, StringComparison.Ordinal);
            reason = end < 0 ? reason : reason[..end];
        }
        return IsOfDisposed(error) ? $"{reason.Trim()} A tensor or weight that it uses is disposed." : reason.Trim();
    }

    /// <summary>Whether a tensor was used that is disposed.</summary>
    public static bool IsOfDisposed(Exception error) => error.Message.Contains(EmptyHandle, StringComparison.Ordinal);

    /// <summary>Whether memory could not be had, on the processor or a GPU.</summary>
    public static bool IsOutOfMemory(Exception error) => OutOfMemory.Any(words => Reason(error).Contains(words, StringComparison.OrdinalIgnoreCase));
}
