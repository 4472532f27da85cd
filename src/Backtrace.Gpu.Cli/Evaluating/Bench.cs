using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Cli.Pages;
using Backtrace.Gpu.Cli.Pictures;
using Backtrace.Gpu.Evaluation.Experiments;
using Backtrace.Gpu.Kernels;
using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Evaluating;

/// <summary>A model and the inputs that methods are compared on. Owns both.</summary>
internal abstract class Bench(ModelPackage package, EvaluateRequest request) : IDisposable
{
    internal ModelPackage Package { get; } = package.Description.Architecture is { IsRegression: false, OutputSize: not 1 }
        ? package
        : throw new UsageException($"{package.Name} returns values or a single score; methods are compared on models that tell classes or tokens apart.");

    internal EvaluateRequest Request { get; } = request;

    /// <summary>The model as methods see it.</summary>
    internal abstract ExplainedModel Model { get; }

    internal abstract IReadOnlyList<Subject> Subjects { get; }

    /// <summary>What the inputs are, in words: "rows that training never saw".</summary>
    internal abstract (string One, string Many) Inputs { get; }

    /// <summary>What stands in for a feature that is taken away, in words.</summary>
    internal abstract string Absent { get; }

    /// <summary>The file or folder of the inputs.</summary>
    internal abstract string Data { get; }

    /// <summary>What a reader should know of the inputs: which are left out, and that there are fewer than were asked for. A sentence each.</summary>
    internal IEnumerable<string> Notes => Request.Samples is { } asked && asked > Subjects.Count
        ? [.. LeftOut, $"{Counted.Of(asked, "input was", "inputs were")} asked for; {Numbers.Count(Subjects.Count)} can be explained."]
        : LeftOut;

    /// <summary>Inputs that cannot be explained, counted.</summary>
    private protected virtual IEnumerable<string> LeftOut => [];

    /// <summary>Head of an example: the input and the explained answer.</summary>
    internal abstract Markup ExampleHead(int subject);

    /// <summary>What a method says of an example.</summary>
    /// <param name="subject">Which one.</param>
    /// <param name="method">Name of the method.</param>
    /// <param name="attributions">One number per entry of the input.</param>
    internal abstract Markup Example(int subject, string method, float[] attributions);

    /// <summary>Width of an example's cards on the page.</summary>
    internal abstract string ExampleWidth { get; }

    public virtual void Dispose()
    {
        foreach (Subject subject in Subjects)
            subject.Dispose();
        Package.Dispose();
    }

    /// <summary>Some of all inputs, in an order that depends on the seed only: a larger number adds to a smaller one.</summary>
    private protected static IReadOnlyList<T> Draw<T>(IReadOnlyList<T> all, int count, int seed)
    {
        T[] drawn = [.. all];
        new Random(seed).Shuffle(drawn);
        return drawn[..Math.Min(count, drawn.Length)];
    }

    /// <summary>The class that the model finds most likely.</summary>
    private protected static long Answer(ExplainedModel model, TorchSharp.torch.Tensor input)
    {
        using TorchSharp.torch.Tensor scores = model.ScoresInBatches(input), answer = scores.argmax(1);
        return answer.item<long>();
    }
}
