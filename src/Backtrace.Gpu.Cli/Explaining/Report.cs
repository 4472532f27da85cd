using Backtrace.Gpu.Cli.Pages;
using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Files and a section of the page for inputs of which there may be many: written while they are explained, so that none need be kept.</summary>
internal abstract class Report : IDisposable
{
    /// <summary>Explanations that are kept to the end, for what is said of the first ones.</summary>
    internal const int Kept = 60;

    private protected Report(Samples samples, ModelDescription model, ResultFolder folder, bool json)
    {
        Samples = samples;
        Model = model;
        Folder = folder;
        Json = json ? new JsonLines(folder.Add(".backtrace-inputs.part", grows: true)) : null;
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

    /// <summary>Explanations that were written.</summary>
    private protected int Count { get; private set; }

    /// <summary>Writes those of one pass, in the order of inputs and targets.</summary>
    internal void Add(IReadOnlyList<Explained> found)
    {
        foreach (Explained e in found)
        {
            string[] files = Write(e);
            Json?.Add(ExplainJson.One(Model, Samples, e, files));
            Count++;
        }
    }

    /// <summary>Ends the files and returns the page's contents.</summary>
    internal abstract Markup Finish(ExplainResult result);

    public void Dispose() => Json?.Dispose();

    /// <summary>Writes one explanation.</summary>
    /// <returns>Names of its files.</returns>
    private protected abstract string[] Write(Explained e);

    private protected string Answer(Explained e) => Words.Answer(e, k => Samples.ClassName(k, Model));
}
