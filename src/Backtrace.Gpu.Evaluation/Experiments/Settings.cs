using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using Backtrace.Gpu.Kernels;

namespace Backtrace.Gpu.Evaluation.Experiments;

/// <summary>What the numbers of an experiment depend on, by name: model, data, seed, what stands in for absent features. Kept beside its results.</summary>
public sealed class Settings
{
    /// <summary>Name of the file in a folder of results.</summary>
    public const string FileName = "settings.json";

    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private readonly SortedDictionary<string, string> values;

    /// <param name="values">Names and values.</param>
    public Settings(IEnumerable<KeyValuePair<string, string>> values) =>
        this.values = new SortedDictionary<string, string>(values.ToDictionary(pair => pair.Key, pair => pair.Value), StringComparer.Ordinal);

    /// <summary>Writes the settings into a new folder of results, or compares them with those that stand there.</summary>
    /// <exception cref="ExperimentException">The folder holds results of other settings, which are named, or of settings that nobody knows.</exception>
    /// <returns>Whether the folder held none.</returns>
    public bool Claim(string folder)
    {
        string path = Path.Combine(folder, FileName);
        Directory.CreateDirectory(folder);
        if (!File.Exists(path))
        {
            if (File.Exists(Path.Combine(folder, Experiment.FileName)))
                throw new ExperimentException($"{folder} holds a {Experiment.FileName} without {FileName}: what it was measured with is not known; choose another folder.");
            // A file that is half written would refuse every later run.
            WholeFile.WriteText(path, JsonSerializer.Serialize(values, Json) + "\n");
            return true;
        }

        SortedDictionary<string, string> there = Read(path);
        string[] different =
        [
            .. values.Keys.Union(there.Keys).Order(StringComparer.Ordinal).Where(name => values.GetValueOrDefault(name) != there.GetValueOrDefault(name))
                .Select(name => $"{name}: {there.GetValueOrDefault(name, "none")} there, {values.GetValueOrDefault(name, "none")} here"),
        ];
        if (different.Length > 0)
            throw new ExperimentException($"{folder} holds results of other settings ({string.Join("; ", different)}); choose another folder, or the same settings to continue.");
        return false;
    }

    /// <summary>
    /// The first digits of the SHA-256 of a file, or of names and contents of a folder's own files: tells whether they are the same. Which files of a folder matter is
    /// not asked: a needless refusal does less harm than results of two models in one table.
    /// </summary>
    /// <param name="path">File or folder.</param>
    /// <param name="except">Names of files of a folder that are left out, such as those that a run writes there itself.</param>
    public static string Digest(string path, params IReadOnlyCollection<string> except)
    {
        if (Directory.Exists(path))
        {
            string all = string.Join(
                '\n',
                Directory.EnumerateFiles(path).Where(file => !except.Contains(Path.GetFileName(file))).Order(StringComparer.Ordinal).Select(file => $"{Path.GetFileName(file)} {Digest(file)}"));
            return Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(all)))[..16];
        }

        using FileStream stream = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream))[..16];
    }

    private static SortedDictionary<string, string> Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<SortedDictionary<string, string>>(File.ReadAllText(path)) ?? throw new JsonException("it is empty");
        }
        catch (JsonException e)
        {
            throw new ExperimentException($"{path}: cannot be read: {e.Message}; choose another folder.", e);
        }
    }
}
