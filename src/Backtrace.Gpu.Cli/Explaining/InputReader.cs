using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Turns --input into samples of the kind that the model takes.</summary>
internal static class InputReader
{
    /// <exception cref="InvalidInputException">A file cannot be used.</exception>
    /// <exception cref="UsageException">The options do not fit the model's kind of input.</exception>
    internal static Samples Read(ExplainRequest request, Preprocessing preprocessing, Action<string> warn, CancellationToken cancellation)
    {
        switch (preprocessing)
        {
            case ImagePreprocessing images:
                if (request.Rows is not null)
                    throw new UsageException("--rows is for tables; this model takes pictures.");
                return new ImageSamples(ImageSource.Read(request.Inputs, images, request.SkipBad ? warn : null, cancellation));
            case TabularPreprocessing table:
                if (request.Inputs.Count != 1)
                    throw new UsageException("--input: this model takes one CSV file.");
                (string path, string? rows) = RowRange.Split(request.Inputs[0]);
                if (rows is not null && request.Rows is not null)
                    throw new UsageException("Give the rows once: after the file name or as --rows.");
                rows ??= request.Rows;
                TabularInput input = table.Read(path);
                try
                {
                    int count = input.Table.Rows.Count;
                    return new TableSamples(input, rows is null ? [.. Enumerable.Range(0, count)] : RowRange.Parse(rows, count), table);
                }
                catch
                {
                    input.Dispose();
                    throw;
                }

            default:
                throw new UsageException($"Inputs of this kind ({preprocessing.GetType().Name}) cannot be read by this command.");
        }
    }
}
