namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Texts as a model reads them.</summary>
internal abstract class TokenSamples : Samples
{
    internal override int UsualBatch => 32;

    /// <summary>The text of an input.</summary>
    internal abstract TextLine Line(int n);

    internal override int Row(int n) => Line(n).Number - 1;

    /// <summary>The tokens that its relevance belongs to.</summary>
    internal abstract IReadOnlyList<Piece> Pieces(int n);

    public override void Dispose()
    {
    }
}

/// <summary>One text to be explained.</summary>
/// <param name="Text">The text.</param>
/// <param name="Path">The file that it stands in; null where it was given on the command line.</param>
/// <param name="Number">Its line in the file, or its place on the command line, from 1.</param>
internal sealed record TextLine(string Text, string? Path, int Number)
{
    /// <summary>How messages call it.</summary>
    internal string Name => Path is null ? $"text {Number}" : $"line {Number}";

    /// <summary>How errors call it.</summary>
    internal string Source => Path is null ? "--text" : Path;
}
