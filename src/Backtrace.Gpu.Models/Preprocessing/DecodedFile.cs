using System.Text;
using System.Text.Unicode;

namespace Backtrace.Gpu.Models;

/// <summary>A text file that is read from its begin to its end, as often as needed: UTF-8, or what its byte order mark says.</summary>
internal sealed class DecodedFile : IDisposable
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

    private readonly string path;
    private readonly FileStream bytes;
    private readonly Encoding encoding;
    private readonly bool goOn;

    /// <param name="path">The file.</param>
    /// <param name="goOn">True to hand on <see cref="TextFile.Undecodable"/> for bytes that are no text, instead of stopping there.</param>
    /// <exception cref="InvalidInputException">There is no such file.</exception>
    internal DecodedFile(string path, bool goOn)
    {
        if (!File.Exists(path))
            throw new InvalidInputException(path, Directory.Exists(path) ? "is a folder; a file is needed" : "there is no such file");
        this.path = path;
        this.goOn = goOn;
        bytes = Open(path);
        if (Format(bytes) is { } format)
        {
            bytes.Dispose();
            throw new InvalidInputException(path, format);
        }

        encoding = EncodingOf(bytes);
        Text = Reader();
    }

    /// <summary>The text behind what was read of it. To be read within <see cref="Guard"/>.</summary>
    internal TextReader Text { get; private set; }

    /// <summary>Reads, and turns bytes that are no text into an exception that names their line.</summary>
    /// <exception cref="InvalidInputException">It is no text.</exception>
    internal T Guard<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (DecoderFallbackException e)
        {
            throw encoding == Utf8Text ? NoUtf8(e) : new InvalidInputException(path, $"begins with the mark of {encoding.WebName}, but is no such text; save it as UTF-8", inner: e);
        }
    }

    /// <summary>Goes back to the begin.</summary>
    internal void Rewind()
    {
        Text.Dispose();
        bytes.Position = 0;
        Text = Reader();
    }

    public void Dispose()
    {
        Text.Dispose();
        bytes.Dispose();
    }

    private StreamReader Reader() => new(bytes, goOn ? Marking(encoding) : encoding, detectEncodingFromByteOrderMarks: false, bufferSize: 1 << 16, leaveOpen: true);

    private static Encoding Marking(Encoding encoding) =>
        Encoding.GetEncoding(encoding.CodePage, EncoderFallback.ExceptionFallback, new DecoderReplacementFallback(TextFile.Undecodable.ToString()));

    // What comes through a pipe can be read only once.
    private static FileStream Open(string path)
    {
        FileStream file = File.OpenRead(path);
        if (file.CanSeek)
            return file;
        using (file)
            return Copy(path, file);
    }

    private static FileStream Copy(string path, FileStream pipe)
    {
        string temporary = Path.GetTempFileName();
        // Windows takes it away at the end; elsewhere it loses its name at once, so that it goes even if this process is killed.
        FileStream all = new(temporary, FileMode.Open, FileAccess.ReadWrite, FileShare.None, bufferSize: 0, OperatingSystem.IsWindows() ? FileOptions.DeleteOnClose : FileOptions.None);
        try
        {
            if (!OperatingSystem.IsWindows())
                File.Delete(temporary);
            pipe.CopyTo(all);
            return all;
        }
        catch (IOException e)
        {
            all.Dispose();
            throw new IOException($"{path}: what comes through a pipe is copied to {Path.GetTempPath()} first, which failed: {e.Message}", e);
        }
    }

    // Files that tables are often kept in, and that are no text; what to do with each.
    private static string? Format(FileStream bytes) => Begin(bytes) switch
    {
        [0x1f, 0x8b, ..] => "is compressed by gzip; unpack it first, as by gunzip",
        [(byte)'P', (byte)'A', (byte)'R', (byte)'1', 0x15] => "is a Parquet file; save the table as CSV",
        [(byte)'P', (byte)'K', 3, 4, ..] => "is a ZIP archive or a workbook; unpack it, or save the table as CSV",
        _ => null,
    };

    private static byte[] Begin(FileStream bytes)
    {
        byte[] buffer = new byte[5];
        bytes.Position = 0;
        int length = bytes.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
        bytes.Position = 0;
        return buffer[..length];
    }

    private static Encoding EncodingOf(FileStream bytes)
    {
        ReadOnlySpan<byte> begin = Begin(bytes);
        foreach (Encoding encoding in Marked)
        {
            if (begin.StartsWith(encoding.Preamble))
                return encoding;
        }
        return Utf8Text;
    }

    private InvalidInputException NoUtf8(DecoderFallbackException cause)
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
        return TextFile.NoUtf8(path, first, cause);
    }
}
