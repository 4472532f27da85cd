namespace Backtrace.Gpu.Models;

/// <summary>Cuts text into the tokens that a model reads.</summary>
public abstract class TextTokenizer
{
    /// <summary>Number of tokens.</summary>
    public abstract int VocabularySize { get; }

    /// <summary>True when there is such a token. Numbers may have gaps, and networks often have room for more tokens than there are.</summary>
    public virtual bool Knows(long id) => id >= 0 && id < VocabularySize;

    /// <summary>The ids of a text, with the tokens that the model expects around it.</summary>
    /// <exception cref="InvalidInputException">The text holds what no token stands for.</exception>
    protected abstract IEnumerable<int> EncodeToIds(string text);

    /// <summary>A token as people should see it; bytes that are no text alone are shown as &lt;0xNN&gt;.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such token.</exception>
    public abstract string TokenText(long id);

    /// <summary>The text that ids stand for, without the tokens around it.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such token.</exception>
    public abstract string Decode(IEnumerable<long> ids);

    /// <summary>Cuts a text into tokens, with those that the model expects around it.</summary>
    /// <exception cref="InvalidInputException">The text holds what no token stands for.</exception>
    public TokenizedText Tokenize(string text)
    {
        long[] ids = [.. EncodeToIds(text)];
        return new TokenizedText(text, ids, [.. ids.Select(TokenText)]);
    }
}
