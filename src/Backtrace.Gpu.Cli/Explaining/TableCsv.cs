using System.Globalization;
using System.Text;
using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>relevance.csv: a line for each explained row of a table and each target, written while the next rows are explained.</summary>
internal sealed class TableCsv : IDisposable
{
    private readonly Stream file;
    private readonly StreamWriter text;
    private readonly string[] classes;
    private readonly char[] number = new char[40];
    private Task writing = Task.CompletedTask;
    // The end of the last pass of which all rows are in the file.
    private long whole;

    /// <param name="file">The file, empty; taken over.</param>
    /// <param name="model">The model.</param>
    /// <param name="columns">The columns that it uses.</param>
    /// <param name="first">The first explained row, which tells what there is of each.</param>
    internal TableCsv(Stream file, ModelDescription model, IReadOnlyList<string> columns, Explained first)
    {
        classes = [.. model.Classes.Select(Cell)];
        this.file = file;
        text = new StreamWriter(file, new UTF8Encoding(), bufferSize: 1 << 16);
        string[] names = ["row", .. first.Asked.IsAlone ? [] : new[] { "target" }, "predicted", first.Predicted.Probability is null ? "value" : "probability", "explained", .. columns.Select(Cell), "bias", "dropped", .. first.Opposing is null ? [] : columns.Select(name => Cell(name + ".opposing"))];
        text.Write(string.Join(',', names));
        text.Write('\n');
    }

    /// <summary>Begins to write rows, with their numbers. Those before them are written then.</summary>
    /// <exception cref="IOException">The rows before them could not be written.</exception>
    internal void Add(IReadOnlyList<(int Row, Explained Explained)> rows)
    {
        writing.GetAwaiter().GetResult();
        writing = Task.Run(() =>
        {
            foreach ((int row, Explained e) in rows)
                Write(row, e);
            text.Flush();
            whole = file.Position;
        });
    }

    /// <summary>Waits until all rows are written, and ends the file; where one cannot be written, as on a full disk, behind the last pass that could be.</summary>
    /// <exception cref="IOException">Rows could not be written.</exception>
    public void Dispose()
    {
        if (!file.CanWrite)
            return;
        try
        {
            writing.GetAwaiter().GetResult();
        }
        catch (IOException)
        {
            // What the writer still holds is lost with it: nothing comes behind the part of a row that is cut off here.
            file.SetLength(whole);
            throw;
        }
        finally
        {
            file.Dispose();
        }
    }

    private void Write(int row, Explained e)
    {
        Write(row);
        text.Write(',');
        if (!e.Asked.IsAlone)
        {
            text.Write(Cell(e.Asked.Name));
            text.Write(',');
        }

        text.Write(classes[e.Predicted.Index]);
        text.Write(',');
        Write(e.Predicted.Probability ?? e.Predicted.Output);
        text.Write(',');
        text.Write(classes[e.Target.Index]);
        foreach (float share in e.Relevance)
            Next(share);
        Next(e.Flow.ShareOf(e.Account.Bias));
        Next(e.Flow.ShareOf(e.Account.Dropped));
        foreach (float share in e.Opposing?.Relevance ?? [])
            Next(share);
        text.Write('\n');
    }

    private void Next<T>(T value)
        where T : ISpanFormattable
    {
        text.Write(',');
        Write(value);
    }

    private void Write<T>(T value)
        where T : ISpanFormattable
    {
        value.TryFormat(number, out int length, "R", CultureInfo.InvariantCulture);
        text.Write(number, 0, length);
    }

    private static string Cell(string text) => text.AsSpan().IndexOfAny("\",\r\n") < 0 ? text : $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
