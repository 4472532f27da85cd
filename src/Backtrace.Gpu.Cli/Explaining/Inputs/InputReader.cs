using System.Diagnostics;
using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Turns --input and --text into samples of the kind that the model takes.</summary>
internal static class InputReader
{
    private const long LargeModel = 20_000_000;

    /// <param name="request">Names them.</param>
    /// <param name="package">The model.</param>
    /// <param name="warn">Called with each thing that a person should know.</param>
    /// <param name="skipped">Called with the message for each input that cannot be used, which is then left out; null to stop there.</param>
    /// <param name="progress">Told what is read.</param>
    /// <param name="cancellation">Stops between inputs.</param>
    /// <exception cref="InvalidInputException">A file or a text cannot be used.</exception>
    /// <exception cref="UsageException">The options do not fit the model's kind of input.</exception>
    internal static Samples Read(ExplainRequest request, ModelPackage package, Action<string> warn, Action<string>? skipped, RunProgress progress, CancellationToken cancellation)
    {
        progress("reading inputs", 0, 0);
        Preprocessing preprocessing = package.Description.Preprocessing;
        Check(request, preprocessing, package.Module is LanguageModel);
        return preprocessing switch
        {
            ImagePreprocessing images => Pictures(images.Read),
            ContrastPreprocessing images => Pictures(images.Read),
            TabularPreprocessing table => ReadTable(request, table, skipped, warn, progress, cancellation),
            TextPreprocessing text => TextSource.ForClassifier(TextSource.Read(request, skipped), package.Tokenizer!, text.MaximumLength, skipped, request.FirstOnly, TextsTogether(package)),
            PromptPreprocessing when package.Module is Roberta network => TextSource.ForClassifier(TextSource.Read(request, skipped), package.PromptTokenizer!, network.MaximumLength, skipped, request.FirstOnly, TextsTogether(package)),
            PromptPreprocessing => TextSource.ForLanguageModel(TextSource.Read(request, skipped), package, request.FirstOnly ? 0 : request.Generate, warn, skipped, request.FirstOnly, progress, cancellation),
            _ => throw new UsageException($"Inputs of this kind ({preprocessing.GetType().Name}) cannot be read by this command."),
        };

        ImageSamples Pictures(Func<string, ImageInput> read)
        {
            foreach (string remark in request.Inputs.Select(ImageSource.Remark).OfType<string>())
                warn(remark);
            return new(ImageSource.Open(request.Inputs, request.Rows is null ? null : RowSelection.Parse(request.Rows), read, skipped, request.FirstOnly, progress, cancellation), package.Description.Architecture is UNetArchitecture);
        }
    }

    // A text takes a large model so long that few should be explained again where a run ends early.
    private static int TextsTogether(ModelPackage package) => package.Module.parameters().Sum(p => p.numel()) > LargeModel ? TextSamples.BlockOfLargeModel : TextSamples.Block;

    private static void Check(ExplainRequest request, Preprocessing preprocessing, bool isLanguageModel)
    {
        bool takesText = preprocessing is TextPreprocessing or PromptPreprocessing;
        string kind = takesText ? "texts" : preprocessing is TabularPreprocessing ? "the rows of a table" : "pictures";
        if (request.Texts.Count > 0 && !takesText)
            throw new UsageException($"--text is for models that read texts; this model takes {kind}: give --input.");
        if (request.Inputs.Any(string.IsNullOrWhiteSpace))
            throw new UsageException("--input: a file's name is empty.");
        if (request.Texts.Count > 0 && request.Inputs.Count > 0)
            throw new UsageException("Give the texts once: after --text or in the file of --input.");
        if (request.Texts.Count == 0 && request.Inputs.Count == 0)
            throw new UsageException(takesText ? "No text was given: put it after --text, or name a file with a text on each line after --input." : $"No input was given: this model takes {kind}, after --input.");
        if (request.Generate > 0 && !isLanguageModel)
            throw new UsageException($"--generate is for language models; this model takes {kind} and names a class.");
        if (request.Generate > 0 && request.Targets.Any(target => !string.Equals(target, "argmax", StringComparison.OrdinalIgnoreCase)))
            throw new UsageException("--generate explains the tokens that the model chose: leave --target out.");
    }

    private static TableSamples ReadTable(ExplainRequest request, TabularPreprocessing preprocessing, Action<string>? skipped, Action<string> warn, RunProgress progress, CancellationToken cancellation)
    {
        if (request.Inputs.Count != 1)
            throw new UsageException("--input: this model takes one CSV file.");
        (string path, string? rows) = RowSelection.Split(request.Inputs[0]);
        if (rows is not null && request.Rows is not null)
            throw new UsageException("Give the rows once: after the file name or as --rows.");
        rows ??= request.Rows;
        RowSelection? selection = rows is null ? null : RowSelection.Parse(rows);
        if (request.FirstOnly)
            return First(path, preprocessing, selection, skipped, cancellation);
        ColumnRemarks remarks = new(preprocessing);
        TableSamples samples = selection is null or { IsAscending: true }
            ? Stream(path, preprocessing, selection, remarks, skipped, progress, cancellation)
            : Choose(path, preprocessing, selection, remarks, skipped, progress, cancellation);
        foreach (string remark in remarks.Of(path))
            warn(remark);
        return samples;
    }

    // Rows after it may be bad.
    private static ChosenRows First(string path, TabularPreprocessing preprocessing, RowSelection? selection, Action<string>? skipped, CancellationToken cancellation)
    {
        using CsvFile file = CsvFile.Open(path, keepBad: skipped is not null);
        SkippedRows bad = new(skipped);
        int row = 0;
        for (CsvTable one = file.Read(1); one.Rows.Count > 0; one = file.Read(1), row++)
        {
            cancellation.ThrowIfCancellationRequested();
            if (selection?.Names(row) == false)
                continue;
            TabularRows rows = preprocessing.EncodeRows(one, [0], bad.Add);
            if (rows.Rows.Count > 0)
                return new ChosenRows(rows, preprocessing);
            rows.Dispose();
        }

        if (row == 0)
            throw new InvalidInputException(path, "has a header but no rows");
        selection?.EnsureWithin(row);
        bad.EnsureLeft(0);
        throw new UnreachableException();
    }

    private static StreamedRows Stream(string path, TabularPreprocessing preprocessing, RowSelection? selection, ColumnRemarks remarks, Action<string>? skipped, RunProgress progress, CancellationToken cancellation)
    {
        CsvFile file = CsvFile.Open(path, keepBad: skipped is not null);
        try
        {
            return new StreamedRows(file, preprocessing, TableSurvey.Of(file, preprocessing, selection, remarks, skipped, progress, cancellation));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static ChosenRows Choose(string path, TabularPreprocessing preprocessing, RowSelection selection, ColumnRemarks remarks, Action<string>? skipped, RunProgress progress, CancellationToken cancellation)
    {
        using StreamedRows table = Stream(path, preprocessing, selection.Ascending(), remarks, skipped, progress, cancellation);
        // Where ranges lie in each other, the survey does not know of all.
        selection.EnsureWithin(table.RowsRead);
        return new ChosenRows(table, selection.Of(table.RowsRead), cancellation);
    }
}
