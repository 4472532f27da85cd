using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Demo;

/// <summary>The pictures and tables of the repository, which the demo explains.</summary>
internal static class DemoData
{
    /// <summary>A file or folder of tests/assets, found from wherever the program runs.</summary>
    /// <param name="name">Its name there.</param>
    /// <param name="from">Where to begin; the program's folder unless given.</param>
    /// <exception cref="UsageException">The program was copied away from its repository.</exception>
    internal static string Find(string name, string? from = null) => Search(name, from)
        ?? throw new UsageException("backtrace demo shows the models and data of its repository, and this program is not in it. Run ./build.sh demo there; here, backtrace explain takes models and inputs of your own.");

    /// <summary>The inputs of `backtrace evaluate` where --data names none.</summary>
    /// <inheritdoc cref="Find"/>
    internal static string Default(string name, string? from = null) => Search(name, from)
        ?? throw new UsageException("--data: name your own inputs; those that are used by default are in the repository of this program, which was not found from here.");

    private static string? Search(string name, string? from)
    {
        for (DirectoryInfo? folder = new(from ?? AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string path = Path.Combine(folder.FullName, "tests", "assets", name);
            if (Path.Exists(path))
                return path;
        }

        return null;
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
