namespace Backtrace.Gpu.Models;

/// <summary>An input file cannot be used: missing, unreadable, or with contents that do not fit the model's preprocessing.</summary>
public sealed class InvalidInputException : Exception
{
    /// <summary>Creates the exception; the message names file, line and column as far as they are known.</summary>
    /// <param name="file">Path of the file.</param>
    /// <param name="problem">What is wrong, as a sentence fragment without a final dot.</param>
    /// <param name="line">Line of a text file, counted from 1, as editors do.</param>
    /// <param name="column">Name of the column.</param>
    /// <param name="inner">The cause, if another exception reported it.</param>
    public InvalidInputException(string file, string problem, int? line = null, string? column = null, Exception? inner = null)
        : base(file + (line is null ? "" : $", line {line}") + (column is null ? "" : $", column '{column}'") + $": {problem}.", inner)
    {
        File = file;
        Line = line;
        Column = column;
    }

    /// <summary>Path of the file.</summary>
    public string File { get; }

    /// <summary>Line of a text file, counted from 1; null when the file as a whole is at fault.</summary>
    public int? Line { get; }

    /// <summary>Name of the column; null when no single column is at fault.</summary>
    public string? Column { get; }
}
