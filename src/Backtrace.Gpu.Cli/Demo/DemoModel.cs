using System.Diagnostics;
using Backtrace.Gpu.Cli.Explaining;
using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Demo;

/// <summary>One model of the demo: everything explained, and how long one explanation takes once it runs smoothly.</summary>
internal sealed class DemoModel : IDisposable
{
    /// <summary>Timed explanations of one input; the fastest is shown, which other work on the machine disturbs least.</summary>
    internal const int Repetitions = 5;

    private readonly Explainer explainer;
    private readonly string folder;

    internal DemoModel(string name, string folder, BacktracerOptions? options = null)
    {
        explainer = new Explainer(ModelPackage.Load(name), options: options);
        this.folder = folder;
    }

    internal ModelPackage Package => explainer.Package;

    internal ModelDescription Description => explainer.Package.Description;

    internal string Name => explainer.Package.Name;

    /// <summary>Explains all inputs, in as few passes as their sizes allow, and saves the result under the model's name.</summary>
    internal DemoRun Explain(Samples samples, CancellationToken cancellation)
    {
        double single = double.PositiveInfinity;
        // The first pass of each shape compiles code and takes memory.
        Pass(samples, samples.Together(0, samples.Count), cancellation);
        Pass(samples, 1, cancellation);
        for (int k = 0; k < Repetitions; k++)
            single = Math.Min(single, Pass(samples, 1, cancellation));
        return ExplainOnce(samples, single, cancellation);
    }

    /// <summary>The same without repetitions, for models that take seconds.</summary>
    internal DemoRun ExplainOnce(Samples samples, CancellationToken cancellation) => ExplainOnce(samples, null, cancellation);

    public void Dispose() => explainer.Dispose();

    private DemoRun ExplainOnce(Samples samples, double? single, CancellationToken cancellation)
    {
        Explained[] all = new Explained[samples.Count];
        int done = 0;
        List<BatchFacts> batches = [];
        while (done < samples.Count)
        {
            var pass = explainer.Explain(samples, done, samples.Together(done, samples.Count), [TargetChoice.Argmax], cancellation);
            foreach ((Explanation explanation, Explained[] found) in pass)
            {
                using (explanation)
                {
                    string file = found.Length == samples.Count ? $"{Name}.safetensors" : $"{Name}-{batches.Count + 1:00}.safetensors";
                    samples.Save(explanation, done, Path.Combine(folder, file));
                    batches.Add(BatchFacts.Of(explanation, file, pass.Count));
                    for (int k = 0; k < found.Length; k++)
                        all[samples.Input(done + k)] = found[k];
                    done += found.Length;
                }
            }
        }

        return new DemoRun(new ExplainResult(Description, Name, samples, all, Totals.Of(all), batches), single);
    }

    private double Pass(Samples samples, int count, CancellationToken cancellation)
    {
        long started = Stopwatch.GetTimestamp();
        foreach ((Explanation explanation, _) in explainer.Explain(samples, 0, count, [TargetChoice.Argmax], cancellation))
            explanation.Dispose();
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }
}

/// <summary>What the demo found with one model.</summary>
/// <param name="Result">Everything.</param>
/// <param name="SingleSeconds">Shortest time to explain one input alone; null where that was not repeated.</param>
internal sealed record DemoRun(ExplainResult Result, double? SingleSeconds)
{
    internal ModelDescription Description => Result.Model;

    /// <summary>One per input.</summary>
    internal IReadOnlyList<Explained> Samples => Result.Explained;

    /// <summary>Time to explain all inputs.</summary>
    internal double BatchSeconds => Result.Seconds;

    internal IReadOnlyList<NodeTotals> Nodes => Result.Nodes;

    internal Account Mean => Result.Mean;
}
