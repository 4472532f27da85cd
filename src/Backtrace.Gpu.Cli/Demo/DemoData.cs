using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Demo;

/// <summary>The pictures and tables of the repository, which the demo explains.</summary>
internal static class DemoData
{
    /// <summary>A file or folder of tests/assets, found from wherever the program runs.</summary>
    /// <exception cref="InvalidInputException">The program was copied away from its repository.</exception>
    internal static string Find(string name)
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string path = Path.Combine(folder.FullName, "tests", "assets", name);
            if (Path.Exists(path))
                return path;
        }

        throw new InvalidInputException(Path.Combine("tests", "assets", name), "the demo's data was not found above the program's folder");
    }

    /// <summary>Pictures with the class number at the end of their names, in order.</summary>
    internal static string[] Pictures(string folder) => [.. Directory.EnumerateFiles(Find(folder), "*.png").Order(StringComparer.Ordinal)];

    /// <summary>The number after the last underscore: "cifar10_04_6.png" is class 6.</summary>
    internal static int Label(string path)
    {
        string stem = Path.GetFileNameWithoutExtension(path);
        return int.TryParse(stem.AsSpan(stem.LastIndexOf('_') + 1), out int label) ? label : throw new InvalidInputException(path, "the file name does not end in a class number");
    }
}
