using System.Diagnostics;
using Backtrace.Gpu.Cli.Explaining;
using Backtrace.Gpu.Models;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Cli.Demo;

/// <summary>One model of the demo: everything explained in one pass, and how long one explanation takes once it runs smoothly.</summary>
internal sealed class DemoModel : IDisposable
{
    /// <summary>Timed explanations of one input; the fastest is shown, which other work on the machine disturbs least.</summary>
    internal const int Repetitions = 5;

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
        double single = double.PositiveInfinity;
        // The first pass of each shape compiles code and takes memory.
        Pass(all);
        Pass(one);
        for (int k = 0; k < Repetitions; k++)
            single = Math.Min(single, Pass(one));

        (Explanation explanation, Explained[] found) = explainer.Explain(all, TargetChoice.Argmax, cancellation);
        using (explanation)
        {
            explanation.Save(Path.Combine(folder, Name + ".safetensors"));
            BatchFacts batch = new(0, samples.Count, Name + ".safetensors", explanation.Facts, explanation.Ledger);
            return new DemoRun(Description, found, single, explanation.Facts.ForwardSeconds + explanation.Facts.RelevanceSeconds, NodeTotals.Of([batch]));
        }

        double Pass(Tensor input)
        {
            long started = Stopwatch.GetTimestamp();
            explainer.Explain(input, TargetChoice.Argmax, cancellation).Explanation.Dispose();
            return Stopwatch.GetElapsedTime(started).TotalSeconds;
        }
    }

    public void Dispose() => explainer.Dispose();
}

/// <summary>What the demo found with one model.</summary>
/// <param name="Description">The model.</param>
/// <param name="Samples">One per input.</param>
/// <param name="SingleSeconds">Shortest time to explain one input alone.</param>
/// <param name="BatchSeconds">Time to explain all of them in one pass.</param>
/// <param name="Nodes">The ledger of that pass.</param>
internal sealed record DemoRun(ModelDescription Description, Explained[] Samples, double SingleSeconds, double BatchSeconds, IReadOnlyList<NodeTotals> Nodes)
{
    internal Account Mean => Account.Mean([.. Samples.Select(sample => sample.Account)]);
}
