using TorchSharp;

namespace Backtrace.Gpu.Interop;

/// <summary>
/// The safetensors container: an 8-byte little-endian header length, a JSON header, raw little-endian data.
/// </summary>
public static class SafeTensors
{
    /// <summary>Maps a file and checks its header.</summary>
    /// <param name="path">Path of the file.</param>
    /// <param name="checkFinite">Also refuse NaN and infinities, which reads all floating tensors once.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="SafeTensorsException">The file is damaged, or holds NaN or infinity although that was to be checked.</exception>
    public static SafeTensorsFile Open(string path, bool checkFinite = false)
    {
        SafeTensorsFile file = new(path);
        try
        {
            if (checkFinite)
                file.CheckFinite();
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Writes named tensors and optional metadata in one go, replacing the file only when everything is written.</summary>
    /// <exception cref="ArgumentException">A name is repeated or an element type has no name in the format.</exception>
    public static void Save(string path, IEnumerable<KeyValuePair<string, torch.Tensor>> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        using SafeTensorsWriter writer = new();
        foreach ((string key, string value) in metadata ?? new Dictionary<string, string>())
            writer.Metadata[key] = value;
        foreach ((string name, torch.Tensor tensor) in tensors)
            writer.Add(name, tensor);
        writer.Save(path);
    }
}
