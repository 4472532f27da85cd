using System.Globalization;
using System.Text;

namespace Backtrace.Gpu.Evaluation.Experiments;

/// <summary>
/// Results as they are made: a CSV file with a line for each method and subject. A line is written at once and reaches the disk before the next
/// explanation begins; what an interrupted write has left is cut off when the file is opened again.
/// </summary>
public sealed class ResultLog : IDisposable
{
    private const string CurvePrefix = "curve ";
    private readonly FileStream file;
    private readonly string path;
    private readonly IReadOnlyList<string> curves;
    private readonly int columns;
    private readonly Dictionary<(string Method, string Subject), Outcome> outcomes = [];

    private ResultLog(FileStream file, string path, int columns, IReadOnlyList<string> curves) => (this.file, this.path, this.columns, this.curves) = (file, path, columns, curves);

    /// <summary>Opens a file of results, or begins one.</summary>
    /// <param name="path">The file.</param>
    /// <param name="columns">Names of the numbers of each line.</param>
    /// <param name="curves">Names of the curves of each line.</param>
    /// <exception cref="ExperimentException">The file has other columns, or a line that cannot be read.</exception>
    /// <exception cref="IOException">The file is in use.</exception>
    public static ResultLog Open(string path, IReadOnlyList<string> columns, IReadOnlyList<string> curves)
    {
        string header = CsvLine.Join(["method", "subject", .. columns, "seconds", "peak_bytes", .. curves.Select(curve => CurvePrefix + curve)]);
        FileStream file = OpenAlone(path);
        try
        {
            ResultLog log = new(file, path, columns.Count, curves);
            string[] lines = WholeLines(file, path, header);
            if (lines.Length == 0)
                log.Write(header);
            for (int k = 1; k < lines.Length; k++)
            {
                Outcome outcome = log.Parse(lines[k]) ?? throw new ExperimentException($"{path}, line {k + 1}: is no line of results; remove it to have it measured again.");
                log.outcomes.TryAdd((outcome.Method, outcome.Subject), outcome);
            }

            return log;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static FileStream OpenAlone(string path)
    {
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
        }
        catch (IOException e) when (e.GetType() == typeof(IOException) && File.Exists(path))
        {
            throw new IOException($"{path}: another run writes to it; wait for it, or name another folder. ({e.Message})", e);
        }
    }

    /// <summary>The methods of which the file has lines.</summary>
    public IEnumerable<string> Methods => outcomes.Keys.Select(key => key.Method).Distinct();

    /// <summary>What was found for a method and a subject; null before it is measured.</summary>
    public Outcome? Find(string method, string subject) => outcomes.GetValueOrDefault((method, subject));

    /// <summary>Whether nothing is measured yet.</summary>
    public bool IsEmpty => outcomes.Count == 0;

    /// <summary>Adds a line. When this returns, it is on the disk.</summary>
    /// <exception cref="IOException">It cannot be written, as on a full disk; the file holds whole lines only.</exception>
    public void Append(Outcome outcome)
    {
        Write(CsvLine.Join(
        [
            outcome.Method, outcome.Subject, .. outcome.Values.Select(Text), Text(outcome.Seconds), Text(outcome.PeakBytes),
            .. curves.Select(curve => outcome.Curves.TryGetValue(curve, out IReadOnlyList<double>? points) ? string.Join(' ', points.Select(Text)) : ""),
        ]));
        outcomes.Add((outcome.Method, outcome.Subject), outcome);
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => file.Dispose();

    // The part of the file that ends in a line break; the rest is cut off, but of no file that is not ours.
    private static string[] WholeLines(FileStream file, string path, string header)
    {
        byte[] bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        int first = Array.IndexOf(bytes, (byte)'\n'), end = Array.LastIndexOf(bytes, (byte)'\n') + 1;
        string head = Encoding.UTF8.GetString(bytes, 0, first < 0 ? bytes.Length : first);
        if (first < 0 ? !header.StartsWith(head, StringComparison.Ordinal) : head != header)
            throw new ExperimentException($"{path}: holds results with other columns ({head}); choose another folder.");
        file.SetLength(end);
        file.Position = end;
        return Encoding.UTF8.GetString(bytes, 0, end).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    private void Write(string line)
    {
        long whole = file.Position;
        try
        {
            file.Write(Encoding.UTF8.GetBytes(line + "\n"));
            file.Flush(flushToDisk: true);
        }
        catch (IOException e)
        {
            file.SetLength(whole);
            throw new IOException($"{path}: cannot be written: {e.Message.Replace($" : '{Path.GetFullPath(path)}'", "", StringComparison.Ordinal)}", e);
        }
    }

    private Outcome? Parse(string line)
    {
        IReadOnlyList<string> cells = CsvLine.Split(line);
        if (cells.Count != columns + curves.Count + 4 || !TryRead(cells.Skip(2).Take(columns + 2), out double[] numbers))
            return null;
        Dictionary<string, IReadOnlyList<double>> found = [];
        for (int k = 0; k < curves.Count; k++)
        {
            if (!TryRead(cells[columns + 4 + k].Split(' ', StringSplitOptions.RemoveEmptyEntries), out double[] points))
                return null;
            if (points.Length > 0)
                found.Add(curves[k], points);
        }

        return new Outcome(cells[0], cells[1], numbers[..columns], found, numbers[columns], numbers[columns + 1]);
    }

    private static bool TryRead(IEnumerable<string> cells, out double[] numbers)
    {
        bool valid = true;
        numbers = [.. cells.Select(cell =>
        {
            valid &= double.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out double number);
            return number;
        })];
        return valid;
    }

    // The shortest text that gives the same number again.
    private static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
