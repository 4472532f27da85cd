using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>A model's outputs as people read them.</summary>
internal static class Probabilities
{
    /// <summary>Softmax of logits, the logistic function of a single logit; outputs of a last activation are left alone.</summary>
    internal static double[] Of(ReadOnlySpan<float> outputs, Architecture architecture)
    {
        double[] result = new double[outputs.Length];
        for (int k = 0; k < result.Length; k++)
            result[k] = outputs[k];
        if (architecture is MlpArchitecture { OutputActivation: not Activation.None })
            return result;
        if (result.Length == 1)
            return [1 / (1 + Math.Exp(-result[0]))];
        double largest = result.Max(), sum = 0;
        for (int k = 0; k < result.Length; k++)
            sum += result[k] = Math.Exp(result[k] - largest);
        for (int k = 0; k < result.Length; k++)
            result[k] /= sum;
        return result;
    }
}
