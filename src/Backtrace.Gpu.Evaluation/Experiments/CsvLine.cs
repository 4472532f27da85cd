using System.Text;

namespace Backtrace.Gpu.Evaluation.Experiments;

/// <summary>One line of a CSV file (RFC 4180, without line breaks in cells).</summary>
internal static class CsvLine
{
    internal static string Join(IEnumerable<string> cells) => string.Join(',', cells.Select(Quote));

    internal static IReadOnlyList<string> Split(string line)
    {
        List<string> cells = [];
        StringBuilder cell = new();
        bool quoted = false;
        for (int i = 0; i < line.Length; i++)
        {
            if (line[i] == '"' && quoted && i + 1 < line.Length && line[i + 1] == '"')
                cell.Append(line[i++]);
            else if (line[i] == '"')
                quoted = !quoted;
            else if (line[i] == ',' && !quoted)
            {
                cells.Add(cell.ToString());
                cell.Clear();
            }
            else
                cell.Append(line[i]);
        }

        return [.. cells, cell.ToString()];
    }

    private static string Quote(string cell)
    {
        string line = cell.ReplaceLineEndings(" ");
        return line.AsSpan().ContainsAny(',', '"') ? $"\"{line.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : line;
    }
}
