namespace Backtrace.Gpu.Models;

/// <summary>Texts with a class each: one per line, the class after a tab. A first line whose class is called "label", "class", "target" or "category" is a header.</summary>
public sealed class TextTable
{
    private static readonly HashSet<string> Headers = new(StringComparer.OrdinalIgnoreCase) { "label", "class", "target", "category" };

    private readonly int[] lines;

    private TextTable(string path, IReadOnlyList<string> texts, IReadOnlyList<string> labels, int[] lines)
    {
        Path = path;
        Texts = texts;
        Labels = labels;
        this.lines = lines;
    }

    /// <summary>File it came from.</summary>
    public string Path { get; }

    /// <summary>The texts.</summary>
    public IReadOnlyList<string> Texts { get; }

    /// <summary>Class of each text, as it stands in the file.</summary>
    public IReadOnlyList<string> Labels { get; }

    /// <summary>Line of the file that a text stands on, counted from 1.</summary>
    /// <param name="text">Position of the text, from 0.</param>
    public int LineOf(int text) => lines[text];

    /// <summary>Reads a whole file; empty lines are skipped.</summary>
    /// <exception cref="InvalidInputException">Missing, no text file, without texts, or a line that is not a text, a tab and a class.</exception>
    public static TextTable Read(string path)
    {
        List<string> texts = [], labels = [];
        List<int> lines = [];
        foreach ((int position, string line) in TextFile.ReadLines(path).Index())
        {
            if (line.Length == 0)
                continue;
            string[] cells = line.Split('\t');
            if (position == 0 && cells.Length == 2 && Headers.Contains(cells[1].Trim()))
                continue;
            if (cells.Length != 2 || string.IsNullOrWhiteSpace(cells[0]) || string.IsNullOrWhiteSpace(cells[1]))
                throw new InvalidInputException(path, "is not a text, a tab and a class", position + 1);
            texts.Add(cells[0]);
            labels.Add(cells[1].Trim());
            lines.Add(position + 1);
        }
        return texts.Count > 0 ? new TextTable(path, texts, labels, [.. lines]) : throw new InvalidInputException(path, "has no texts");
    }

    /// <summary>The first texts only.</summary>
    /// <param name="count">How many; more than there are gives all.</param>
    public TextTable Take(int count) => new(Path, [.. Texts.Take(count)], [.. Labels.Take(count)], [.. lines.Take(count)]);

    /// <summary>Number of each text's class in a list of classes.</summary>
    /// <exception cref="InvalidInputException">A class is not in the list; names the line.</exception>
    public IReadOnlyList<int> Numbers(IReadOnlyList<string> classes)
    {
        List<string> known = [.. classes];
        int[] numbers = [.. Labels.Select(label => known.IndexOf(label))];
        int unknown = Array.IndexOf(numbers, -1);
        return unknown < 0 ? numbers : throw new InvalidInputException(Path, $"'{Labels[unknown]}' is none of the classes {string.Join(", ", classes)}", lines[unknown]);
    }
}
