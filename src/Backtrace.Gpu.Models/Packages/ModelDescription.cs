using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Backtrace.Gpu.Kernels;
using Backtrace.Gpu.Models.Training;

namespace Backtrace.Gpu.Models;

/// <summary>The contents of model.json: everything about a model but its weights.</summary>
/// <param name="Title">One line for people, such as "ResNet-20 on CIFAR-10".</param>
/// <param name="Architecture">Which network.</param>
/// <param name="Preprocessing">How inputs are made.</param>
/// <param name="Classes">Name of each output, in order.</param>
public sealed record ModelDescription(string Title, Architecture Architecture, Preprocessing Preprocessing, IReadOnlyList<string> Classes)
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        NumberHandling = JsonNumberHandling.Strict,
        AllowOutOfOrderMetadataProperties = true,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        // A misspelt field would silently fall back to its default.
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new WordConverter<Activation>(), new WordConverter<TokenizerKind>(), new WordConverter<OutputMeaning>() },
    };

    /// <summary>Where weights and data come from, and their licence.</summary>
    public string? Source { get; init; }

    /// <summary>How it was trained, where this library did it.</summary>
    public TrainingRecord? Training { get; init; }

    /// <summary>Figures of merit by name, such as "test accuracy".</summary>
    public IReadOnlyDictionary<string, double>? Metrics { get; init; }

    /// <summary>Reads and checks a description.</summary>
    /// <exception cref="ModelException">Missing, not to be opened, not JSON of this form, or contradicting itself.</exception>
    public static ModelDescription Read(string path)
    {
        if (!File.Exists(path))
            throw new ModelException($"{path}: there is no such model description.");
        try
        {
            using FileStream stream = File.OpenRead(path);
            ModelDescription description = JsonSerializer.Deserialize<ModelDescription>(stream, Options)
                ?? throw new ModelException($"{path}: the description is empty.");
            if (description.Classes.Contains(null!))
                throw new ModelException($"{path}: a class has no name.");
            if (description.Preprocessing.Problem() is { } problem)
                throw new ModelException($"{path}: preprocessing {problem}.");
            return description with { Architecture = description.Architecture.Complete(Path.GetDirectoryName(path) ?? "") };
        }
        catch (JsonException e) when (e.Path is { } place && !e.Message.Contains(place, StringComparison.Ordinal))
        {
            throw new ModelException($"{path}: not a valid model description: {place}: {e.Message}.", e);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            throw new ModelException($"{path}: not a valid model description: {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{path}: cannot be opened: {e.Message}", e);
        }
    }

    /// <summary>Writes the description as indented JSON.</summary>
    public void Write(string path) => WholeFile.WriteText(path, JsonSerializer.Serialize(this, Options) + "\n");
}

/// <summary>What is needed to repeat a training run and to recover its test rows.</summary>
/// <param name="Data">File name of the table.</param>
/// <param name="Rows">Number of its rows.</param>
/// <param name="Seed">Seed of the split, the initial weights and the order of the batches.</param>
/// <param name="Epochs">Passes over the training rows.</param>
/// <param name="BestEpoch">The pass whose weights were kept, by the validation score.</param>
/// <param name="Split">Which rows validate and test, in words.</param>
public sealed record TrainingRecord(string Data, int Rows, ulong Seed, int Epochs, int BestEpoch, string Split);
