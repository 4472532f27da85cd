using Backtrace.Gpu.Models;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Explains all inputs of a request in batches and saves each batch's explanation.</summary>
internal static class ExplainRun
{
    /// <summary>Runs it. The result holds the inputs' memory until its samples are disposed.</summary>
    /// <param name="request">What to do.</param>
    /// <param name="warn">Called with each thing that a person should know.</param>
    /// <param name="progress">Called with inputs done and in all.</param>
    /// <param name="cancellation">Stops between batches and layers.</param>
    internal static ExplainResult Run(ExplainRequest request, Action<string> warn, Action<int, int> progress, CancellationToken cancellation)
    {
        ModelPackage package = ModelPackage.Load(request.Model);
        Explainer? explainer = null;
        Samples? samples = null;
        try
        {
            TargetChoice target = TargetChoice.Parse(request.Target, package.Description.Classes);
            samples = InputReader.Read(request, package.Description.Preprocessing, warn, cancellation);
            explainer = new Explainer(package, request.Device, request.Precision, request.Layers);
            Directory.CreateDirectory(request.Output);
            return ExplainAll(explainer, samples, target, request, progress, cancellation);
        }
        catch
        {
            samples?.Dispose();
            throw;
        }
        finally
        {
            if (explainer is null)
                package.Dispose();
            explainer?.Dispose();
        }
    }

    private static ExplainResult ExplainAll(Explainer explainer, Samples samples, TargetChoice target, ExplainRequest request, Action<int, int> progress, CancellationToken cancellation)
    {
        int batch = request.Batch > 0 ? request.Batch : samples.UsualBatch;
        bool several = samples.Count > batch;
        List<Explained> explained = [];
        List<BatchFacts> batches = [];
        progress(0, samples.Count);
        for (int first = 0; first < samples.Count; first += batch)
        {
            int count = Math.Min(batch, samples.Count - first);
            using Tensor values = samples.Batch(first, count);
            (Explanation explanation, Explained[] found) = explainer.Explain(values, target, cancellation);
            using (explanation)
            {
                CheckLayers(request.Layers, explanation);
                string file = several ? $"relevance-{batches.Count + 1:0000}.safetensors" : "relevance.safetensors";
                explanation.Save(Path.Combine(request.Output, file));
                explained.AddRange(found);
                batches.Add(new BatchFacts(first, count, file, explanation.Facts, explanation.Ledger));
            }

            progress(first + count, samples.Count);
        }

        return new ExplainResult(explainer.Package.Description, explainer.Package.Name, samples, explained, batches);
    }

    private static void CheckLayers(IReadOnlyList<string> wanted, Explanation explanation)
    {
        string[] missing = [.. wanted.Where(layer => !explanation.Layers.ContainsKey(layer))];
        if (missing.Length > 0)
            throw new UsageException($"--layers: relevance passed no {string.Join(", ", missing)}. Layers of this model: {string.Join(", ", explanation.Ledger.Lines.Select(line => line.Node).Reverse())}.");
    }
}
