namespace Backtrace.Gpu.Models.Training;

/// <summary>A trained network with its description and figures. Owns the module.</summary>
/// <param name="Module">The network, in evaluation mode.</param>
/// <param name="Description">What model.json will say.</param>
/// <param name="Test">Figures on the test rows.</param>
/// <param name="LogisticTest">Figures of a logistic regression trained the same way, on the same rows.</param>
/// <param name="Duration">Time for both.</param>
public sealed record TabularTrainingResult(Mlp Module, ModelDescription Description, BinaryMetrics Test, BinaryMetrics LogisticTest, TimeSpan Duration) : IDisposable
{
    /// <summary>Writes a model folder that <see cref="ModelPackage.Load"/> reads.</summary>
    public void Save(string folder)
    {
        Directory.CreateDirectory(folder);
        StateDict.Save(Module, Path.Combine(folder, ModelPackage.WeightsFile), new Dictionary<string, string> { ["format"] = "pt" });
        Description.Write(Path.Combine(folder, ModelPackage.DescriptionFile));
    }

    /// <summary>Releases the module.</summary>
    public void Dispose() => Module.Dispose();
}
