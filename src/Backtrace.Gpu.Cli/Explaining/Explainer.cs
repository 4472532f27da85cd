using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Runs;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>A loaded model on a device, which explains batches. One per command.</summary>
internal sealed class Explainer : IDisposable
{
    private readonly Kernels.Execution.Device? device;
    private readonly Backtracer backtracer;

    /// <summary>Takes over the package.</summary>
    internal Explainer(ModelPackage package, DeviceChoice? device = null, ContractionPrecision precision = ContractionPrecision.Single, IReadOnlyCollection<string>? layers = null)
    {
        Package = package;
        this.device = device?.Open();
        try
        {
            backtracer = new Backtracer(package.Module, this.device, new BacktracerOptions { Precision = precision, Layers = layers ?? [], LedgerPerSample = true });
        }
        catch
        {
            this.device?.Dispose();
            throw;
        }
    }

    internal ModelPackage Package { get; }

    internal IReadOnlyList<string> Classes => Package.Description.Classes;

    /// <summary>Explains one batch; the explanation is the caller's.</summary>
    internal (Explanation Explanation, Explained[] Samples) Explain(Tensor batch, TargetChoice target, CancellationToken cancellation)
    {
        Explanation explanation = backtracer.Explain(batch, target.ToTarget(), cancellation);
        try
        {
            return (explanation, Read(explanation, target));
        }
        catch
        {
            explanation.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        backtracer.Dispose();
        device?.Dispose();
        Package.Dispose();
    }

    private Explained[] Read(Explanation explanation, TargetChoice target)
    {
        int samples = (int)explanation.Prediction.shape[0];
        float[] outputs = explanation.Prediction.data<float>().ToArray(), relevance = explanation.Input.data<float>().ToArray();
        int classes = outputs.Length / samples, inputs = relevance.Length / samples;
        Ledger ledger = explanation.Ledger;
        float[] bias = ledger.Bias, dropped = ledger.Dropped, constants = ledger.Constants;
        Explained[] result = new Explained[samples];
        for (int n = 0; n < samples; n++)
        {
            float[] own = outputs[(n * classes)..((n + 1) * classes)];
            int predicted = own.AsSpan().IndexOf(own.Max());
            result[n] = new Explained(
                predicted,
                target.Class ?? predicted,
                own,
                Probabilities.Of(own, Package.Description.Architecture),
                relevance[(n * inputs)..((n + 1) * inputs)],
                new Account(ledger.Start[n], ledger.Input[n], bias[n], dropped[n], constants[n]));
        }

        return result;
    }
}
