using System.Text;
using Backtrace.Gpu.Cli.Explaining;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Cli;

public sealed class TextStreamTests
{
    [TestCase(1)]
    [TestCase(3)]
    [TestCase(100)]
    public void CharactersMayBeCutAnywhere(int size)
    {
        const string text = "a \u00e9 \u20ac \U0001f600 b";
        using StringWriter written = new();
        using TextStream stream = new(written);
        foreach (byte[] part in Encoding.UTF8.GetBytes(text).Chunk(size))
            stream.Write(part);
        Assert.That(written.ToString(), Is.EqualTo(text));
    }
}
