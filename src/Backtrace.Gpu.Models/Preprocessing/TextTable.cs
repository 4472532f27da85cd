namespace Backtrace.Gpu.Models;

/// <summary>Texts with a class each: one per line, the class after a tab. A first line "sentence", "label" is a header.</summary>
public sealed class TextTable
{
    private TextTable(string path, IReadOnlyList<string> texts, IReadOnlyList<string> labels)
    {
        Path = path;
        Texts = texts;
        Labels = labels;
    }

    /// <summary>File it came from.</summary>
    public string Path { get; }

    /// <summary>The texts.</summary>
    public IReadOnlyList<string> Texts { get; }

    /// <summary>Class of each text, as it stands in the file.</summary>
    public IReadOnlyList<string> Labels { get; }

    /// <summary>Reads a whole file; empty lines are skipped.</summary>
    /// <exception cref="InvalidInputException">Missing, without texts, or a line that is not a text, a tab and a class.</exception>
    public static TextTable Read(string path)
    {
        if (!File.Exists(path))
            throw new InvalidInputException(path, "there is no such file");
        List<string> texts = [], labels = [];
        int row = 0;
        foreach (string line in File.ReadLines(path).Where(line => line.Length > 0))
        {
            string[] cells = line.Split('\t');
            if (row == 0 && cells is ["sentence", "label"])
                continue;
            row++;
            if (cells.Length != 2 || string.IsNullOrWhiteSpace(cells[0]) || string.IsNullOrWhiteSpace(cells[1]))
                throw new InvalidInputException(path, "is not a text, a tab and a class", row);
            texts.Add(cells[0]);
            labels.Add(cells[1].Trim());
        }
        return texts.Count > 0 ? new TextTable(path, texts, labels) : throw new InvalidInputException(path, "has no texts");
    }

    /// <summary>The first texts only.</summary>
    /// <param name="count">How many; more than there are gives all.</param>
    public TextTable Take(int count) => new(Path, [.. Texts.Take(count)], [.. Labels.Take(count)]);

    /// <summary>Number of each text's class in a list of classes.</summary>
    /// <exception cref="InvalidInputException">A class is not in the list; names the row.</exception>
    public IReadOnlyList<int> Numbers(IReadOnlyList<string> classes)
    {
        List<string> known = [.. classes];
        int[] numbers = [.. Labels.Select(label => known.IndexOf(label))];
        int unknown = Array.IndexOf(numbers, -1);
        return unknown < 0 ? numbers : throw new InvalidInputException(Path, $"'{Labels[unknown]}' is none of the classes {string.Join(", ", classes)}", unknown + 1);
    }
}
