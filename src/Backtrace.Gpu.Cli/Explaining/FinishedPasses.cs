using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>
/// The passes of a run of which all files are whole, with the list of their inputs: relevance.csv of a table, explained.csv of other inputs. A run that ends early keeps these passes and nothing of others,
/// so that what was explained and what is still to be explained fit together.
/// </summary>
internal sealed class FinishedPasses(Samples samples, ModelDescription model, ResultFolder folder) : IDisposable
{
    private readonly string list = samples.Columns.Count > 0 ? "relevance.csv" : "explained.csv";
    private readonly List<Pass> passes = [];
    private RelevanceCsv? csv;

    /// <summary>All that belongs to a pass is written but its lines, which are written meanwhile.</summary>
    /// <param name="found">Its explanations, in the order of inputs and targets.</param>
    /// <param name="done">Inputs explained up to here.</param>
    /// <exception cref="IOException">The lines of earlier passes could not be written.</exception>
    internal void Add(IReadOnlyList<Explained> found, int done)
    {
        csv ??= new RelevanceCsv(new FileStream(folder.Add(list, grows: true), FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0), k => samples.ClassName(k, model), samples.Columns, found[0]);
        string[] files = [.. folder.TakeNew().Where(name => name != list)];
        // Names and numbers of rows are known only until the next pass.
        (int, Explained)[] lines = [.. found.Select(e => (samples.Row(e.Input), samples.Columns.Count > 0 ? e : e with { Name = samples.Name(e.Input) }))];
        passes.Add(new Pass(done, done < samples.Count ? samples.RowAfter(done) : null, files));
        csv.Add(lines);
    }

    /// <summary>The last pass is done.</summary>
    /// <exception cref="IOException">Lines could not be written.</exception>
    internal void End()
    {
        csv?.Dispose();
        folder.Kept = new KeptInputs(list, samples.Count, samples.Count, null);
    }

    /// <summary>The run failed or was cancelled: takes the files of passes away that are not whole.</summary>
    internal void Abandon()
    {
        try
        {
            csv?.Dispose();
        }
        catch (IOException)
        {
            // The list ends with the last pass that had room.
        }

        int whole = csv?.Passes ?? 0;
        folder.TakeBack([.. passes.Skip(whole).SelectMany(pass => pass.Files), .. folder.TakeNew(), .. whole == 0 ? [list] : Array.Empty<string>()]);
        folder.Kept = whole == 0 ? new KeptInputs(list, 0, samples.Count, null) : new KeptInputs(list, passes[whole - 1].Done, samples.Count, passes[whole - 1].Next);
    }

    public void Dispose() => csv?.Dispose();

    private sealed record Pass(int Done, int? Next, string[] Files);
}

/// <summary>What is kept of a run that did not end well.</summary>
/// <param name="List">The file that lists them.</param>
/// <param name="Done">Inputs whose relevance is there.</param>
/// <param name="All">Inputs of the run.</param>
/// <param name="Next">Row, picture or line to go on with, as --rows counts them; null where all are done.</param>
internal sealed record KeptInputs(string List, int Done, int All, int? Next);
