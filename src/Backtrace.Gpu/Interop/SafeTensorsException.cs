namespace Backtrace.Gpu.Interop;

/// <summary>A safetensors file cannot be read or written as asked: it is damaged, lies about its contents, or lacks what was asked for.</summary>
public sealed class SafeTensorsException : IOException
{
    /// <summary>Creates the exception; the message names the file and, where one is at fault, the tensor.</summary>
    /// <param name="file">Path of the file.</param>
    /// <param name="tensor">Name of the tensor at fault, or null when the file as a whole is.</param>
    /// <param name="problem">What is wrong, as a sentence fragment without a final dot.</param>
    /// <param name="inner">The cause, if another exception reported it.</param>
    public SafeTensorsException(string file, string? tensor, string problem, Exception? inner = null)
        : base(tensor is null ? $"{file}: {problem}." : $"{file}: tensor '{Shorten(tensor)}': {problem}.", inner)
    {
        File = file;
        Tensor = tensor;
    }

    /// <summary>Path of the file.</summary>
    public string File { get; }

    /// <summary>Name of the tensor at fault; null when the file as a whole is.</summary>
    public string? Tensor { get; }

    // A hostile header may carry a name of megabytes.
    private static string Shorten(string name) => name.Length <= 200 ? name : name[..200] + "...";
}
