using System.Text;
using System.Text.Unicode;

namespace Backtrace.Gpu.Models;

/// <summary>Text files: UTF-8, or what their byte order mark says. Bytes that are no text are refused, never replaced.</summary>
public static class TextFile
{
    private static readonly UTF8Encoding Utf8Text = new(encoderShouldEmitUTF8Identifier: true, throwOnInvalidBytes: true);

    // The longer marks first: that of UTF-32 begins like that of UTF-16.
    private static readonly Encoding[] Marked =
    [
        new UTF32Encoding(bigEndian: false, byteOrderMark: true, throwOnInvalidCharacters: true),
        new UTF32Encoding(bigEndian: true, byteOrderMark: true, throwOnInvalidCharacters: true),
        new UnicodeEncoding(bigEndian: false, byteOrderMark: true, throwOnInvalidBytes: true),
        new UnicodeEncoding(bigEndian: true, byteOrderMark: true, throwOnInvalidBytes: true),
    ];

    /// <summary>Stands for bytes that are no text where a file is read on behind them; Unicode keeps it free of meaning.</summary>
    internal const char Undecodable = '\uffff';

    /// <summary>The lines of a file; that at position k is line k + 1.</summary>
    /// <param name="path">The file.</param>
    /// <param name="skipped">Called for each line with bytes that are no text, which is then empty; null to stop there.</param>
    /// <exception cref="InvalidInputException">There is no such file, or it is no text.</exception>
    public static IReadOnlyList<string> ReadLines(string path, Action<InvalidInputException>? skipped = null) => Read(path, text =>
    {
        List<string> lines = [];
        while (text.ReadLine() is { } line)
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
    }, skipped is not null);

    /// <summary>Lets a file be read, and turns bytes that are no text into an exception that names their line.</summary>
    /// <param name="path">The file.</param>
    /// <param name="read">Reads its text.</param>
    /// <param name="goOn">True to hand on <see cref="Undecodable"/> for such bytes instead.</param>
    /// <exception cref="InvalidInputException">There is no such file, or it is no text.</exception>
    internal static T Read<T>(string path, Func<TextReader, T> read, bool goOn = false)
    {
        if (!File.Exists(path))
            throw new InvalidInputException(path, Directory.Exists(path) ? "is a folder; a file is needed" : "there is no such file");
        using Stream bytes = Open(path);
        Encoding encoding = EncodingOf(bytes);
        using StreamReader text = new(bytes, goOn ? Marking(encoding) : encoding, detectEncodingFromByteOrderMarks: false, bufferSize: 1 << 16);
        try
        {
            return read(text);
        }
        catch (DecoderFallbackException e)
        {
            throw encoding == Utf8Text ? NoUtf8(path, bytes, e) : new InvalidInputException(path, $"begins with the mark of {encoding.WebName}, but is no such text; save it as UTF-8", inner: e);
        }
    }

    /// <summary>For a file with zeros, which no text has.</summary>
    internal static InvalidInputException NoText(string path, int line) =>
        new(path, "holds a zero character: it is no text, or UTF-16 without a byte order mark; save it as UTF-8", line);

    /// <summary>For bytes that are no text.</summary>
    internal static InvalidInputException NoUtf8(string path, int line, Exception? inner = null) =>
        new(path, "is not UTF-8 text; convert it, as in: iconv -f LATIN1 -t UTF-8 OLD > NEW", line, inner: inner);

    private static Encoding Marking(Encoding encoding) =>
        Encoding.GetEncoding(encoding.CodePage, EncoderFallback.ExceptionFallback, new DecoderReplacementFallback(Undecodable.ToString()));

    // What comes through a pipe can be read only once.
    private static Stream Open(string path)
    {
        FileStream file = File.OpenRead(path);
        if (file.CanSeek)
            return file;
        using (file)
        {
            MemoryStream all = new();
            file.CopyTo(all);
            return all;
        }
    }

    private static Encoding EncodingOf(Stream bytes)
    {
        Span<byte> buffer = stackalloc byte[4];
        bytes.Position = 0;
        ReadOnlySpan<byte> begin = buffer[..bytes.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false)];
        bytes.Position = 0;
        foreach (Encoding encoding in Marked)
        {
            if (begin.StartsWith(encoding.Preamble))
                return encoding;
        }
        return Utf8Text;
    }

    private static InvalidInputException NoUtf8(string path, Stream bytes, DecoderFallbackException cause)
    {
        int line = 0, first = 0;
        bytes.Position = 0;
        // In Latin-1, characters are bytes.
        using StreamReader latin = new(bytes, Encoding.Latin1, detectEncodingFromByteOrderMarks: false, leaveOpen: true);
        while (latin.ReadLine() is { } text)
        {
            line++;
            if (text.Contains('\0', StringComparison.Ordinal))
                return new InvalidInputException(path, "is no text file", inner: cause);
            if (first == 0 && !Utf8.IsValid(Encoding.Latin1.GetBytes(text)))
                first = line;
        }
        return NoUtf8(path, first, cause);
    }
}
