using Backtrace.Gpu.Models;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Inputs to be explained, of one kind.</summary>
internal abstract class Samples : IDisposable
{
    /// <summary>Number of inputs; of those that are not prepared yet, the most that they can be.</summary>
    internal abstract int Count { get; }

    /// <summary>Prepares the pass that begins at a place. The inputs may prove to be fewer.</summary>
    internal virtual void Prepare(int first)
    {
    }

    /// <summary>Inputs per pass that keep a processor busy without much memory.</summary>
    internal abstract int UsualBatch { get; }

    /// <summary>Threads that read inputs and write results meanwhile.</summary>
    internal virtual int OtherThreads => 0;

    /// <summary>How a person would call an input: a file name, a row.</summary>
    internal abstract string Name(int n);

    /// <summary>Number of an input as --rows counts them: a row of the table, a picture, a line, from 0.</summary>
    internal abstract int Row(int n);

    /// <summary>The first row that is not explained yet where passes are done up to a place that is not the end; all before it are. To be asked before the next pass.</summary>
    internal virtual int RowAfter(int place) => Row(place - 1) + 1;

    /// <summary>The columns that relevance is shown for; none but for tables.</summary>
    internal virtual IReadOnlyList<string> Columns => [];

    /// <summary>The input's class number where the file says it.</summary>
    internal virtual int? Label(int n) => null;

    /// <summary>What a class or token is called.</summary>
    internal virtual string ClassName(int k, ModelDescription model) => model.Classes[k];

    /// <summary>The input that takes a place in the order of the passes; that of the files unless another one saves passes.</summary>
    internal virtual int Input(int place) => place;

    /// <summary>How many inputs from a place on can go through the model together: at most <paramref name="most"/>.</summary>
    internal virtual int Together(int first, int most) => Math.Min(most, Count - first);

    /// <summary>Number of passes, or the most that there can be.</summary>
    internal virtual int Passes(int most)
    {
        int passes = 0;
        for (int first = 0; first < Count; first += Together(first, most))
            passes++;
        return passes;
    }

    /// <summary>Whether the pass after that of these inputs reads the same units again: each is to be counted once.</summary>
    internal virtual bool IsReadAgain(int first, int count) => false;

    /// <summary>Relevance as it is shown: that of parts of one thing is added up.</summary>
    internal virtual Flow Shown(Flow flow) => flow;

    /// <summary>The inputs from a place on as one tensor, the caller's.</summary>
    internal abstract Tensor Batch(int first, int count);

    /// <summary>Writes the explanation whose first input is this one.</summary>
    internal virtual void Save(Explanation explanation, int first, string path) => explanation.Save(path);

    public abstract void Dispose();

    /// <summary>Number of places from the first on whose inputs have the same size.</summary>
    private protected int SameSize<T>(int first, int most, Func<int, T> size) =>
        Enumerable.Range(first, Math.Min(most, Count - first)).TakeWhile(n => Equals(size(n), size(first))).Count();
}
