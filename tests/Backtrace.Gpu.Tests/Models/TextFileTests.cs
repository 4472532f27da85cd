using System.IO.Pipes;
using System.Text;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Models;

public sealed class TextFileTests
{
    private const string Text = "café\n\n\U0001f600 and €\r\nend";

    [TestCase("utf-8")]
    [TestCase("utf-16")]
    [TestCase("utf-16BE")]
    [TestCase("utf-32")]
    [TestCase("utf-32BE")]
    public void AByteOrderMarkSaysHowAFileIsWritten(string name)
    {
        using TemporaryFolder folder = new();
        Encoding encoding = Encoding.GetEncoding(name);
        string path = folder.Write("t.txt", [.. encoding.GetPreamble(), .. encoding.GetBytes(Text)]);
        Assert.That(encoding.GetPreamble(), Is.Not.Empty);
        Assert.That(TextFile.ReadLines(path), Is.EqualTo(new[] { "café", "", "\U0001f600 and €", "end" }));
    }

    [Test]
    public void BytesThatAreNoUtf8AreRefusedWithTheirLine()
    {
        using TemporaryFolder folder = new();
        string filler = string.Concat(Enumerable.Repeat("123456789,é\n", 9000));
        byte[] bytes = [.. Encoding.UTF8.GetBytes("a,b\n" + filler), .. Encoding.Latin1.GetBytes("café,1\n"), .. Encoding.UTF8.GetBytes(filler)];
        string path = folder.Write("t.csv", bytes);
        string texts = folder.Write("t.tsv", [.. "\n"u8, .. Encoding.Latin1.GetBytes("é\t1\n")]);
        Assert.Multiple(() =>
        {
            Assert.That(() => CsvTable.Read(path), Throws.InstanceOf<InvalidInputException>().With.Message.Contains("t.csv, line 9002: is not UTF-8 text"));
            Assert.That(() => TextFile.ReadLines(path), Throws.InstanceOf<InvalidInputException>().With.Message.Contains("t.csv, line 9002: is not UTF-8 text"));
            Assert.That(() => TextTable.Read(texts), Throws.InstanceOf<InvalidInputException>().With.Message.Contains("t.tsv, line 2: is not UTF-8 text"));
        });
    }

    [TestCase(new byte[] { 0xff, 0xfe, 0x00, 0xd8, 0x41, 0x00 }, "mark of utf-16")]
    [TestCase(new byte[] { 0xff, 0xfe, 0x41, 0x00, 0x42 }, "mark of utf-16")]
    [TestCase(new byte[] { 0x89, 0x0a, 0x00 }, "is no text file")]
    [TestCase(new byte[] { 0x41, 0x00, 0x0a, 0x00 }, "line 1: holds a zero character")]
    [TestCase(new byte[] { 0x1f, 0x8b, 0x08, 0x00, 0x00 }, "gunzip")]
    [TestCase(new byte[] { 0x50, 0x41, 0x52, 0x31, 0x15, 0x04 }, "is a Parquet file")]
    [TestCase(new byte[] { 0x50, 0x4b, 0x03, 0x04, 0x14 }, "is a ZIP archive")]
    public void OtherBytesAreRefused(byte[] bytes, string problem)
    {
        using TemporaryFolder folder = new();
        string path = folder.Write("t.txt", bytes);
        Assert.That(() => TextFile.ReadLines(path), Throws.InstanceOf<InvalidInputException>().With.Message.StartsWith(path).And.Message.Contains(problem));
    }

    [TestCase("PAR1")]
    [TestCase("PAR1,PAR2")]
    [TestCase("PK")]
    public void WordsAreNoMarksOfOtherFiles(string text)
    {
        using TemporaryFolder folder = new();
        Assert.That(TextFile.ReadLines(folder.Write("t.txt", text)), Is.EqualTo(new[] { text }));
    }

    [Platform("Linux")]
    [TestCase("café\n", null)]
    [TestCase("a\ncaf\u00e9\n", "line 2: is not UTF-8")]
    public void PipesAreReadOnce(string text, string? problem)
    {
        using AnonymousPipeServerStream pipe = new(PipeDirection.Out);
        using AnonymousPipeClientStream end = new(PipeDirection.In, pipe.ClientSafePipeHandle);
        pipe.Write((problem is null ? Encoding.UTF8 : Encoding.Latin1).GetBytes(text));
        pipe.SafePipeHandle.Dispose();
        string path = $"/proc/self/fd/{end.SafePipeHandle.DangerousGetHandle()}";
        if (problem is null)
            Assert.That(TextFile.ReadLines(path), Is.EqualTo(new[] { "café" }));
        else
            Assert.That(() => TextFile.ReadLines(path), Throws.InstanceOf<InvalidInputException>().With.Message.Contains(problem));
    }

    [Test]
    public void WhatIsNoFileIsNamed()
    {
        using TemporaryFolder folder = new();
        Assert.That(() => TextFile.ReadLines(folder.Path), Throws.InstanceOf<InvalidInputException>().With.Message.Contains("is a folder"));
        Assert.That(() => TextFile.ReadLines(folder.File("x")), Throws.InstanceOf<InvalidInputException>().With.Message.Contains("no such file"));
    }
}
