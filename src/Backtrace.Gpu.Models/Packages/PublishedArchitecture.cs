using System.Text.Json.Serialization;

namespace Backtrace.Gpu.Models;

/// <summary>An architecture whose sizes stand in a file of their own, as published by Hugging Face.</summary>
/// <typeparam name="TConfig">The contents of that file.</typeparam>
/// <param name="ConfigFile">File of the model folder with the sizes.</param>
public abstract record PublishedArchitecture<TConfig>(string ConfigFile) : Architecture
    where TConfig : class
{
    /// <summary>The contents of that file; null for a description that was not read from a folder.</summary>
    [JsonIgnore]
    public TConfig? Config { get; init; }

    private protected TConfig Known => Config ?? throw new ArgumentException($"the sizes in {ConfigFile} have not been read");
}
