namespace Backtrace.Gpu.Models.Training;

/// <summary>Progress after one pass over the training rows.</summary>
/// <param name="Epoch">Number of the pass, from 1.</param>
/// <param name="Epochs">Number of passes.</param>
/// <param name="Loss">Mean loss of the pass.</param>
/// <param name="Score">Score on the validation rows, such as AUC or accuracy.</param>
public sealed record TrainingProgress(int Epoch, int Epochs, double Loss, double Score);
