namespace Backtrace.Gpu.Tests.Support;

/// <summary>Finds files of the repository's tests folder from wherever the test binary was built.</summary>
internal static class Assets
{
    private static readonly string Root = Find();

    /// <summary>Path of a file or folder under tests/assets.</summary>
    internal static string Path(params string[] parts) => System.IO.Path.Combine([Root, "tests", "assets", .. parts]);

    private static string Find()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (Directory.Exists(System.IO.Path.Combine(folder.FullName, "tests", "assets")))
                return folder.FullName;
        }
        throw new DirectoryNotFoundException($"No folder above {AppContext.BaseDirectory} has tests/assets.");
    }
}
