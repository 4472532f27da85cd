namespace Backtrace.Gpu.Tests.Support;

/// <summary>The golden cases of tests/fixtures.</summary>
internal static class Fixtures
{
    private static readonly string Root = Find();

    /// <summary>Path of a file or folder under tests/fixtures.</summary>
    internal static string Path(params string[] parts) => System.IO.Path.Combine([Root, "tests", "fixtures", .. parts]);

    /// <summary>Names of the operator cases of a mode, without ending.</summary>
    internal static IEnumerable<string> Cases(string mode) =>
        Directory.EnumerateFiles(Path("ops"), $"*.{mode}.safetensors").Select(f => System.IO.Path.GetFileName(f).Split('.')[0]).Order(StringComparer.Ordinal);

    private static string Find()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (Directory.Exists(System.IO.Path.Combine(folder.FullName, "tests", "fixtures")))
                return folder.FullName;
        }

        throw new DirectoryNotFoundException($"No folder above {AppContext.BaseDirectory} has tests/fixtures.");
    }
}
