using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>A model's outputs as people read them.</summary>
internal static class Probabilities
{
    /// <summary>Softmax of logits, the logistic function of a single logit and of classes that may hold at once; probabilities that a last activation made are left alone. Null for values, which are none.</summary>
    /// <exception cref="ModelException">All logits are −∞.</exception>
    internal static double[]? Of(ReadOnlySpan<float> outputs, Architecture architecture)
    {
        if (architecture.IsRegression)
            return null;
        double[] result = new double[outputs.Length];
        for (int k = 0; k < result.Length; k++)
            result[k] = outputs[k];
        if (architecture is MlpArchitecture { OutputActivation: not Activation.None } or TorchScriptArchitecture { Meaning: OutputMeaning.Probabilities })
            return result;
        if (result.Length == 1 || architecture.IsMultiLabel)
            return Array.ConvertAll(result, logit => 1 / (1 + Math.Exp(-logit)));
        double largest = result.Max(), sum = 0;
        if (double.IsNegativeInfinity(largest))
            throw new ModelException("All outputs of the model are −∞: for this input it excludes every class.");
        for (int k = 0; k < result.Length; k++)
            sum += result[k] = Math.Exp(result[k] - largest);
        for (int k = 0; k < result.Length; k++)
            result[k] /= sum;
        return result;
    }
}
