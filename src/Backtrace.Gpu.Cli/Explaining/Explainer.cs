using Backtrace.Gpu.Models;
using Backtrace.Gpu.Targets;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>A loaded model on a device, which explains batches. One per command.</summary>
internal sealed class Explainer : IDisposable
{
    private readonly Kernels.Execution.Device? device;
    private readonly Backtracer backtracer;

    /// <summary>Takes over the package.</summary>
    internal Explainer(ModelPackage package, DeviceChoice? device = null, BacktracerOptions? options = null)
    {
        Package = package;
        this.device = device?.Open();
        try
        {
            backtracer = new Backtracer(package.Module, this.device, (options ?? new BacktracerOptions()) with { LedgerPerSample = true });
        }
        catch
        {
            this.device?.Dispose();
            throw;
        }
    }

    internal ModelPackage Package { get; }

    /// <summary>
    /// Explains some samples in one pass. Tokens of a language model are a target each and so an explanation each; everything else is one explanation.
    /// The explanations are the caller's.
    /// </summary>
    internal IReadOnlyList<(Explanation Explanation, Explained[] Found)> Explain(Samples samples, int first, int count, TargetChoice target, CancellationToken cancellation)
    {
        using Tensor batch = samples.Batch(first, count);
        if (samples is PromptSamples prompts)
            return ExplainTokens(batch, [.. Enumerable.Range(first, count).Select(n => prompts.Steps[n])], target, cancellation);
        int channel = IsSegmentation ? target.Class ?? Foreground(batch) : 0;
        Explanation explanation = backtracer.Explain(batch, IsSegmentation ? Target.SegmentationClass(channel) : target.ToTarget(), cancellation);
        try
        {
            return [(explanation, IsSegmentation ? Answers.OfSegmentation(explanation, channel) : Answers.OfClassifier(explanation, target, Package.Description.Architecture))];
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

    private bool IsSegmentation => Package.Description.Architecture is UNetArchitecture;

    private int Foreground(Tensor picture)
    {
        using IDisposable inference = no_grad();
        using Tensor logits = Package.Module.call(picture);
        return Segments.Foreground(logits);
    }

    // Later tokens cannot influence earlier ones, so that one pass over the whole text serves all of its tokens.
    private List<(Explanation, Explained[])> ExplainTokens(Tensor ids, PromptStep[] steps, TargetChoice target, CancellationToken cancellation)
    {
        Target[] targets = [.. steps.Select(step => Target.NextToken(step.Token is { } token ? [token] : target.Class is { } chosen ? [chosen] : null, [step.Position]))];
        IReadOnlyList<Explanation> explanations = backtracer.Explain([ids], targets, cancellation);
        try
        {
            List<(Explanation, Explained[])> result = [];
            foreach ((Explanation explanation, PromptStep step) in explanations.Zip(steps))
                result.Add((explanation, [Answers.OfToken(explanation, step.Position, step.Token ?? target.Class, Package.Description.Architecture)]));
            return result;
        }
        catch
        {
            foreach (Explanation explanation in explanations)
                explanation.Dispose();
            throw;
        }
    }
}
