using System.Diagnostics;
using Backtrace.Gpu.Cli.Explaining;
using Backtrace.Gpu.Models;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Cli.Demo;

/// <summary>One model of the demo: everything explained in one pass, and how long one explanation takes once it runs smoothly.</summary>
internal sealed class DemoModel : IDisposable
{
    private const int Repetitions = 9;
    private readonly Explainer explainer;
    private readonly string folder;

    internal DemoModel(string name, string folder)
    {
        explainer = new Explainer(ModelPackage.Load(name));
        this.folder = folder;
    }

    internal ModelDescription Description => explainer.Package.Description;

    internal string Name => explainer.Package.Name;

    /// <summary>Explains all inputs in one pass and saves the result under the model's name.</summary>
    internal DemoRun Explain(Samples samples, CancellationToken cancellation)
    {
        using Tensor all = samples.Batch(0, samples.Count), one = samples.Batch(0, 1);
        double[] single = new double[Repetitions];
        // The first pass of each shape is slower: code is compiled, memory is taken.
        Explain(all);
        Explain(one);
        for (int k = 0; k < Repetitions; k++)
        {
            long started = Stopwatch.GetTimestamp();
            Explain(one);
            single[k] = Stopwatch.GetElapsedTime(started).TotalSeconds;
        }

        Array.Sort(single);
        (Explanation explanation, Explained[] found) = explainer.Explain(all, TargetChoice.Argmax, cancellation);
        using (explanation)
        {
            explanation.Save(Path.Combine(folder, Name + ".safetensors"));
            BatchFacts batch = new(0, samples.Count, Name + ".safetensors", explanation.Facts, explanation.Ledger);
            return new DemoRun(Description, found, single[Repetitions / 2], explanation.Facts, NodeTotals.Of([batch]));
        }

        void Explain(Tensor input) => explainer.Explain(input, TargetChoice.Argmax, cancellation).Explanation.Dispose();
    }

    public void Dispose() => explainer.Dispose();
}

/// <summary>What the demo found with one model.</summary>
/// <param name="Description">The model.</param>
/// <param name="Samples">One per input.</param>
/// <param name="SingleSeconds">Median time to explain one input alone.</param>
/// <param name="Facts">The pass over all inputs.</param>
/// <param name="Nodes">Its ledger.</param>
internal sealed record DemoRun(ModelDescription Description, Explained[] Samples, double SingleSeconds, RunFacts Facts, IReadOnlyList<NodeTotals> Nodes)
{
    internal Account Mean => Account.Mean([.. Samples.Select(sample => sample.Account)]);

    internal double BatchSeconds => Facts.ForwardSeconds + Facts.RelevanceSeconds;
}
