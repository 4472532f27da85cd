using System.Text.Json.Serialization;

namespace Backtrace.Gpu.Models;

/// <summary>How input files become a model's input tensor; part of a model's description.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(ImagePreprocessing), "image")]
[JsonDerivedType(typeof(ContrastPreprocessing), "contrast-image")]
[JsonDerivedType(typeof(TabularPreprocessing), "tabular")]
[JsonDerivedType(typeof(TextPreprocessing), "text")]
[JsonDerivedType(typeof(PromptPreprocessing), "prompt")]
public abstract record Preprocessing
{
    /// <summary>Numbers per sample that the model receives; null when inputs differ in size.</summary>
    [JsonIgnore]
    public abstract int? InputSize { get; }

    /// <summary>What is wrong with the description, or null.</summary>
    internal abstract string? Problem();
}
