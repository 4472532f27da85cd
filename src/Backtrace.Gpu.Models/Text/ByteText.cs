using System.Text;

namespace Backtrace.Gpu.Models;

/// <summary>Bytes of tokens as text.</summary>
internal static class ByteText
{
    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    /// <summary>The text, or each byte as &lt;0xNN&gt; where the bytes are no text alone.</summary>
    internal static string Show(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return Strict.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            return string.Concat(bytes.ToArray().Select(b => $"<0x{b:X2}>"));
        }
    }
}
