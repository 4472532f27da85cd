using Backtrace.Gpu.Kernels;
using Parquet;
using Parquet.Schema;

namespace Backtrace.Gpu.Evaluation.Experiments;

/// <summary>All outcomes of an experiment as a Parquet file: a row per method and subject, a column per number. NaN stands where a number is not defined.</summary>
public static class ParquetTable
{
    /// <summary>Writes the file anew.</summary>
    /// <exception cref="IOException">It cannot be written; names it.</exception>
    public static async Task WriteAsync(ExperimentResult result, string path, CancellationToken cancellation = default)
    {
        DataField<string> method = new("method", nullable: false), subject = new("subject", nullable: false);
        (DataField Field, double[] Numbers)[] numbers =
        [
            .. result.Columns.Select((column, k) => Numbers(column.Name, outcome => outcome.Values[k])),
            Numbers("seconds", outcome => outcome.Seconds),
            Numbers("peak_bytes", outcome => outcome.PeakBytes),
        ];
        ParquetSchema schema = new([method, subject, .. numbers.Select(column => column.Field)]);
        await WholeFile.WriteAsync(path, async file =>
        {
            ParquetWriter writer = await ParquetWriter.CreateAsync(schema, file, cancellationToken: cancellation).ConfigureAwait(false);
            await using (writer.ConfigureAwait(false))
            {
                using ParquetRowGroupWriter group = writer.CreateRowGroup();
                await group.WriteAsync(method, [.. result.Outcomes.Select(outcome => outcome.Method)]).ConfigureAwait(false);
                await group.WriteAsync(subject, [.. result.Outcomes.Select(outcome => outcome.Subject)]).ConfigureAwait(false);
                foreach ((DataField field, double[] values) in numbers)
                    await group.WriteAsync<double>(field, values, cancellationToken: cancellation).ConfigureAwait(false);
                group.CompleteValidate();
            }
        }).ConfigureAwait(false);

        (DataField Field, double[] Numbers) Numbers(string name, Func<Outcome, double> number) =>
            (new DataField<double>(name, nullable: false), [.. result.Outcomes.Select(number)]);
    }
}
