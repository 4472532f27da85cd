using System.Text;

namespace Backtrace.Gpu.Models;

/// <summary>A piece of text and how gladly it is used.</summary>
internal readonly record struct ScoredPiece(string Text, float Score)
{
    private const int LongestPiece = 1 << 16;

    /// <exception cref="ModelException">Missing or damaged.</exception>
    internal static IReadOnlyList<ScoredPiece> ReadAll(string path)
    {
        if (!File.Exists(path))
            throw new ModelException($"{path}: there is no such tokenizer.");
        using BinaryReader reader = new(File.OpenRead(path));
        List<ScoredPiece> pieces = [];
        try
        {
            reader.ReadInt32(); // longest length, of no use here
            while (reader.BaseStream.Position < reader.BaseStream.Length)
                pieces.Add(Read(reader, path, pieces.Count));
            return pieces;
        }
        catch (EndOfStreamException e)
        {
            throw new ModelException($"{path}: ends inside piece {pieces.Count}.", e);
        }
    }

    private static ScoredPiece Read(BinaryReader reader, string path, int number)
    {
        float score = reader.ReadSingle();
        int length = reader.ReadInt32();
        if (!float.IsFinite(score) || length is < 0 or > LongestPiece)
            throw new ModelException($"{path}: piece {number} has score {score} and length {length}; is it a tokenizer.bin of llama2.c?");
        byte[] bytes = reader.ReadBytes(length);
        return bytes.Length == length ? new ScoredPiece(Encoding.UTF8.GetString(bytes), score) : throw new EndOfStreamException();
    }
}
