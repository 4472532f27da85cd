using System.Text.Json;
using Backtrace.Gpu.Interop;
using TorchSharp;

namespace Backtrace.Gpu.Models;

/// <summary>The weights of a model: one safetensors file, or the shards that an index file lists. Holds the files open.</summary>
public sealed class WeightFiles : IDisposable
{
    /// <summary>Name of the index of sharded weights in a model folder.</summary>
    public const string IndexFile = ModelPackage.WeightsFile + ".index.json";

    private readonly List<SafeTensorsFile> files = [];
    private readonly Dictionary<string, SafeTensorsFile> owners = [];

    private WeightFiles(string path) => Path = path;

    /// <summary>The weight file, or the index of the shards.</summary>
    public string Path { get; }

    /// <summary>All tensors, by file.</summary>
    public IEnumerable<SafeTensorInfo> Tensors => files.SelectMany(file => file.Tensors);

    /// <summary>Opens the weights of a model folder: model.safetensors, else the shards of model.safetensors.index.json.</summary>
    /// <exception cref="ModelException">There are none, or they cannot be opened, or the index is damaged, or does not name exactly the files and tensors that are there.</exception>
    /// <exception cref="SafeTensorsException">A file is damaged, or a weight is NaN or infinite.</exception>
    public static WeightFiles OpenFolder(string folder)
    {
        string index = System.IO.Path.Combine(folder, IndexFile), single = System.IO.Path.Combine(folder, ModelPackage.WeightsFile);
        return File.Exists(index) && !File.Exists(single) ? OpenShards(index) : OpenFile(single);
    }

    /// <summary>Opens one file.</summary>
    /// <exception cref="ModelException">There is no such file, or it cannot be opened.</exception>
    /// <exception cref="SafeTensorsException">The file is damaged, or a weight is NaN or infinite.</exception>
    public static WeightFiles OpenFile(string path)
    {
        WeightFiles weights = new(path);
        SafeTensorsFile file = weights.Add(path);
        foreach (SafeTensorInfo tensor in file.Tensors)
            weights.owners.Add(tensor.Name, file);
        return weights;
    }

    /// <summary>True when there is a tensor of this name.</summary>
    public bool Contains(string name) => owners.ContainsKey(name);

    /// <summary>A copy as a CPU tensor of the file's shape and element type; the caller disposes it.</summary>
    /// <exception cref="SafeTensorsException">There is no such tensor.</exception>
    public torch.Tensor ToTensor(string name) => owners.TryGetValue(name, out SafeTensorsFile? file)
        ? file.ToTensor(name)
        : throw new SafeTensorsException(Path, name, "there is no such tensor");

    /// <summary>Closes the files.</summary>
    public void Dispose()
    {
        foreach (SafeTensorsFile file in files)
            file.Dispose();
    }

    private static WeightFiles OpenShards(string index)
    {
        WeightFiles weights = new(index);
        try
        {
            foreach (IGrouping<string, string> shard in ReadIndex(index).GroupBy(entry => entry.Value, entry => entry.Key))
                weights.AddShard(shard.Key, shard);
            return weights;
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    private static Dictionary<string, string> ReadIndex(string index)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(index));
            return json.RootElement.GetProperty("weight_map").Deserialize<Dictionary<string, string>>()
                ?? throw new ModelException($"{index}: weight_map is empty.");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new ModelException($"{index}: not an index of weight files: {e.Message}", e);
        }
    }

    private void AddShard(string name, IEnumerable<string> tensors)
    {
        // Only files beside the index: it may come from anywhere.
        if (name is null || name != System.IO.Path.GetFileName(name))
            throw new ModelException($"{Path}: '{name}' is not the name of a file in the same folder.");
        SafeTensorsFile file = Add(System.IO.Path.Combine(System.IO.Path.GetDirectoryName(Path)!, name));
        foreach (string tensor in tensors)
        {
            if (!file.Contains(tensor))
                throw new ModelException($"{Path}: '{tensor}' is said to be in {name}, which has no such tensor.");
            owners.Add(tensor, file);
        }
        if (file.Tensors.FirstOrDefault(tensor => owners.GetValueOrDefault(tensor.Name) != file) is { } other)
            throw new ModelException($"{Path}: {name} holds '{other.Name}', which the index does not place there.");
    }

    private SafeTensorsFile Add(string path)
    {
        if (!File.Exists(path))
            throw new ModelException($"{path}: there is no such weight file.");
        try
        {
            SafeTensorsFile file = SafeTensors.Open(path, checkFinite: true);
            files.Add(file);
            return file;
        }
        catch (Exception e) when (e is (IOException and not SafeTensorsException) or UnauthorizedAccessException)
        {
            throw new ModelException($"{path}: cannot be opened: {e.Message}", e);
        }
    }
}
