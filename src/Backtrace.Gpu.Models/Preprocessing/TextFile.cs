namespace Backtrace.Gpu.Models;

/// <summary>Text files: UTF-8, or what their byte order mark says. Bytes that are no text are refused, never replaced.</summary>
public static class TextFile
{
    /// <summary>Stands for bytes that are no text where a file is read on behind them; Unicode keeps it free of meaning.</summary>
    internal const char Undecodable = '\uffff';

    /// <summary>The lines of a file; that at position k is line k + 1.</summary>
    /// <param name="path">The file.</param>
    /// <param name="skipped">Called for each line with bytes that are no text, which is then empty; null to stop there.</param>
    /// <exception cref="InvalidInputException">There is no such file, or it is no text.</exception>
    public static IReadOnlyList<string> ReadLines(string path, Action<InvalidInputException>? skipped = null)
    {
        using DecodedFile file = new(path, goOn: skipped is not null);
        return file.Guard(() =>
        {
            List<string> lines = [];
            while (file.Text.ReadLine() is { } line)
            {
                lines.Add(line);
                if (line.Contains('\0', StringComparison.Ordinal))
                    throw NoText(path, lines.Count);
                if (skipped is null || !line.Contains(Undecodable, StringComparison.Ordinal))
                    continue;
                lines[^1] = "";
                skipped(NoUtf8(path, lines.Count));
            }
            return lines;
        });
    }

    /// <summary>For a file with zeros, which no text has.</summary>
    internal static InvalidInputException NoText(string path, int line) =>
        new(path, "holds a zero character: it is no text, or UTF-16 without a byte order mark; save it as UTF-8", line);

    /// <summary>For bytes that are no text.</summary>
    internal static InvalidInputException NoUtf8(string path, int line, Exception? inner = null) =>
        new(path, "is not UTF-8 text; convert it, as in: iconv -f LATIN1 -t UTF-8 OLD > NEW", line, inner: inner);
}
