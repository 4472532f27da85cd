using System.Text;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>UTF-8 for a writer of text, which stays open: documents of any length pass through it in parts.</summary>
internal sealed class TextStream(TextWriter writer) : Stream
{
    private readonly Decoder decoder = Encoding.UTF8.GetDecoder();
    private char[] text = [];

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        int most = Encoding.UTF8.GetMaxCharCount(buffer.Length);
        if (text.Length < most)
            text = new char[most];
        writer.Write(text, 0, decoder.GetChars(buffer, text, flush: false));
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
