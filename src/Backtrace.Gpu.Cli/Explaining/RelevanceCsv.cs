using System.Globalization;
using System.Text;
using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>relevance.csv of a table, explained.csv of other inputs: a line for each explained input and each target, written while the next inputs are explained.</summary>
internal sealed class RelevanceCsv : IDisposable
{
    private readonly Stream file;
    private readonly StreamWriter text;
    private readonly bool isTable;
    private readonly Func<int, string> className;
    private readonly Dictionary<int, string> classes = [];
    private readonly char[] number = new char[40];
    private Task writing = Task.CompletedTask;
    // The end of the last pass of which all lines are in the file.
    private long whole;

    /// <param name="file">The file, empty; taken over.</param>
    /// <param name="className">What a class or token is called.</param>
    /// <param name="columns">The columns that a model of tables uses; none for other inputs, whose lines say where their relevance was saved.</param>
    /// <param name="first">The first explanation, which tells what there is of each.</param>
    internal RelevanceCsv(Stream file, Func<int, string> className, IReadOnlyList<string> columns, Explained first)
    {
        this.className = className;
        this.file = file;
        isTable = columns.Count > 0;
        text = new StreamWriter(file, new UTF8Encoding(), bufferSize: 1 << 16);
        string[] names = ["row", .. isTable ? [] : new[] { "input" }, .. first.Asked.IsAlone ? [] : new[] { "target" }, "predicted", first.Predicted.Probability is null ? "value" : "probability", "explained", .. columns.Select(Cell), "bias", "dropped", .. first.Opposing is null ? [] : columns.Select(name => Cell(name + ".opposing")), .. isTable ? [] : new[] { "file", "index" }];
        text.Write(string.Join(',', names));
        text.Write('\n');
    }

    /// <summary>Passes of which all lines are in the file.</summary>
    internal int Passes { get; private set; }

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
            Passes++;
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
        if (!isTable)
        {
            text.Write(Cell(e.Name));
            text.Write(',');
        }

        if (!e.Asked.IsAlone)
        {
            text.Write(Cell(e.Asked.Name));
            text.Write(',');
        }

        text.Write(Class(e.Predicted.Index));
        text.Write(',');
        Write(e.Predicted.Probability ?? e.Predicted.Output);
        text.Write(',');
        text.Write(Class(e.Target.Index));
        foreach (float share in isTable ? e.Relevance : [])
            Next(share);
        Next(e.Flow.ShareOf(e.Account.Bias));
        Next(e.Flow.ShareOf(e.Account.Dropped));
        foreach (float share in isTable ? e.Opposing?.Relevance ?? [] : [])
            Next(share);
        if (!isTable)
        {
            text.Write(',');
            text.Write(Cell(e.File));
            Next(e.Place);
        }

        text.Write('\n');
    }

    private string Class(int k)
    {
        if (!classes.TryGetValue(k, out string? name))
            classes.Add(k, name = Cell(className(k)));
        return name;
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
