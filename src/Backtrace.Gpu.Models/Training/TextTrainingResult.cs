using static TorchSharp.torch;

namespace Backtrace.Gpu.Models.Training;

/// <summary>A trained text classifier with its description and figures. Owns the module.</summary>
/// <param name="Module">The network, in evaluation mode.</param>
/// <param name="Description">What model.json will say, figures of merit included.</param>
/// <param name="Precision">Type of the weights in the file.</param>
/// <param name="Duration">Time for training and measuring.</param>
public sealed record TextTrainingResult(TextClassifier Module, ModelDescription Description, ScalarType Precision, TimeSpan Duration) : IDisposable
{
    internal Action<string> SaveTokenizer { get; init; } = _ => { };

    /// <summary>Writes a model folder that <see cref="ModelPackage.Load"/> reads.</summary>
    public void Save(string folder)
    {
        Directory.CreateDirectory(folder);
        StateDict.Save(Module, Path.Combine(folder, ModelPackage.WeightsFile), new Dictionary<string, string> { ["format"] = "pt" }, Precision);
        Description.Write(Path.Combine(folder, ModelPackage.DescriptionFile));
        Description.Architecture.Save(folder);
        SaveTokenizer(folder);
    }

    /// <summary>Releases the module.</summary>
    public void Dispose() => Module.Dispose();
}
