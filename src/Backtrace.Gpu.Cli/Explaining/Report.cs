using Backtrace.Gpu.Cli.Pages;
using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Files and a section of the page for inputs of which there may be many: written while they are explained, so that none need be kept.</summary>
internal abstract class Report : IDisposable
{
    /// <summary>Inputs that are kept to the end, for what is said of the first ones.</summary>
    internal const int Kept = 60;

    private protected Report(Samples samples, ModelDescription model, ResultFolder folder, bool json)
    {
        Samples = samples;
        Model = model;
        Folder = folder;
        Json = json ? new JsonLines(folder.Add(".backtrace-inputs.part")) : null;
    }

    /// <summary>The inputs for the JSON document; null unless wanted.</summary>
    internal JsonLines? Json { get; }

    private protected Samples Samples { get; }

    private protected ModelDescription Model { get; }

    private protected ResultFolder Folder { get; }

    /// <summary>One for inputs of this kind; null where all can be kept.</summary>
    internal static Report? For(Samples samples, ModelDescription model, ResultFolder folder, bool json) => samples switch
    {
        TableSamples rows => new TableReport(rows, model, folder, json),
        ImageSamples images => new ImageReport(images, model, folder, json),
        _ => null,
    };

    /// <summary>Writes the inputs of one pass, whose first one has the number <paramref name="first"/>.</summary>
    internal virtual void Add(int first, IReadOnlyList<Explained> found)
    {
        for (int k = 0; k < found.Count; k++)
        {
            string[] files = Write(first + k, found[k]);
            Json?.Add(ExplainJson.One(Model, Samples, found[k], first + k, files));
        }
    }

    /// <summary>Ends the files and returns the page's contents.</summary>
    internal abstract Markup Finish(ExplainResult result);

    public virtual void Dispose() => Json?.Dispose();

    /// <summary>Writes one input.</summary>
    /// <returns>Names of its files.</returns>
    private protected abstract string[] Write(int n, Explained e);

    private protected string Answer(Explained e) => Words.Answer(e, k => Samples.ClassName(k, Model));
}
