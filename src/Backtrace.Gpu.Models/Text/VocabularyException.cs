namespace Backtrace.Gpu.Models;

/// <summary>A vocabulary file of a text model is missing, is no WordPiece vocabulary, or does not fit the model.</summary>
public sealed class VocabularyException : ModelException
{
    internal VocabularyException(string file, string problem, Exception? inner = null) : base($"{file}: {problem}.", inner) => File = file;

    /// <summary>Path of the file.</summary>
    public string File { get; }
}
