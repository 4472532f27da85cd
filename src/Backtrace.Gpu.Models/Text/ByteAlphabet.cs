namespace Backtrace.Gpu.Models;

/// <summary>
/// The printable character that stands for each byte in byte-level vocabularies: itself for visible Latin-1 characters, the next free one
/// from U+0100 for the others (a space is 'Ġ').
/// </summary>
internal static class ByteAlphabet
{
    private static readonly char[] Characters = Create();
    private static readonly Dictionary<char, byte> Bytes = Characters.Select((c, b) => (c, b)).ToDictionary(pair => pair.c, pair => (byte)pair.b);

    internal static IReadOnlyList<char> All => Characters;

    internal static string ToCharacters(ReadOnlySpan<byte> bytes) =>
        string.Create(bytes.Length, bytes, static (text, bytes) =>
        {
            for (int i = 0; i < text.Length; i++)
                text[i] = Characters[bytes[i]];
        });

    /// <summary>The bytes of a token; null if it has a character that stands for none.</summary>
    internal static byte[]? ToBytes(string token)
    {
        byte[] bytes = new byte[token.Length];
        for (int i = 0; i < bytes.Length; i++)
        {
            if (!Bytes.TryGetValue(token[i], out bytes[i]))
                return null;
        }
        return bytes;
    }

    private static char[] Create()
    {
        char[] characters = new char[256];
        int next = 256;
        for (int b = 0; b < 256; b++)
            characters[b] = b is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE ? (char)b : (char)next++;
        return characters;
    }
}
