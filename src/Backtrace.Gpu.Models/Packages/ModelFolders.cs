namespace Backtrace.Gpu.Models;

/// <summary>Finds model folders by name or path.</summary>
public static class ModelFolders
{
    /// <summary>Environment variable with a folder of model folders, searched before the repository's own.</summary>
    public const string Variable = "BACKTRACE_MODELS";

    /// <summary>Finds the folder that a name or path stands for.</summary>
    /// <param name="nameOrFolder">An existing folder, or the name of a folder under <see cref="Variable"/> or under tests/assets/models of the repository that the program runs from.</param>
    /// <exception cref="ModelException">There is none; lists the names that exist.</exception>
    public static string Find(string nameOrFolder)
    {
        if (IsModel(nameOrFolder))
            return nameOrFolder;
        foreach (string root in Roots())
        {
            string folder = Path.Combine(root, nameOrFolder);
            if (IsModel(folder))
                return folder;
        }
        if (Directory.Exists(nameOrFolder))
            throw new ModelException($"{nameOrFolder}: the folder has neither {ModelPackage.DescriptionFile} nor {HuggingFaceFolder.ConfigFile}.");
        if (File.Exists(nameOrFolder))
            throw new ModelException($"{nameOrFolder}: is a file; a model is given by the folder with its {ModelPackage.DescriptionFile} or {HuggingFaceFolder.ConfigFile}.");
        string[] known = [.. Names()];
        throw new ModelException($"No model '{nameOrFolder}': neither a folder nor a known name ({(known.Length == 0 ? $"none found; {Variable} may name a folder of them" : string.Join(", ", known))}).{NearNames.Hint(nameOrFolder, known)}");
    }

    /// <summary>The names that <see cref="Find"/> knows, sorted.</summary>
    public static IEnumerable<string> Names() => Roots()
        .SelectMany(Directory.EnumerateDirectories)
        .Where(IsModel)
        .Select(folder => Path.GetFileName(folder)!)
        .Distinct()
        .Order(StringComparer.Ordinal);

    private static bool IsModel(string folder) =>
        File.Exists(Path.Combine(folder, ModelPackage.DescriptionFile)) || File.Exists(Path.Combine(folder, HuggingFaceFolder.ConfigFile));

    private static IEnumerable<string> Roots()
    {
        string? configured = Environment.GetEnvironmentVariable(Variable);
        if (!string.IsNullOrEmpty(configured) && Directory.Exists(configured))
            yield return configured;
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string models = Path.Combine(folder.FullName, "tests", "assets", "models");
            if (Directory.Exists(models))
                yield return models;
        }
    }
}
