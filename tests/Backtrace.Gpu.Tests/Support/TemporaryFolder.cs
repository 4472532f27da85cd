namespace Backtrace.Gpu.Tests.Support;

/// <summary>A folder of its own that disappears with the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    internal string Path { get; } = Directory.CreateTempSubdirectory("backtrace-test-").FullName;

    internal string File(string name) => System.IO.Path.Combine(Path, name);

    internal string Write(string name, string text)
    {
        System.IO.File.WriteAllText(File(name), text);
        return File(name);
    }

    internal string Write(string name, byte[] bytes)
    {
        System.IO.File.WriteAllBytes(File(name), bytes);
        return File(name);
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
