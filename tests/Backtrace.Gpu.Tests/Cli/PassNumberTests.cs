using Backtrace.Gpu.Cli.Explaining;
using NUnit.Framework;
using TorchSharp;

namespace Backtrace.Gpu.Tests.Cli;

/// <summary>Numbers of passes in the names of files.</summary>
public sealed class PassNumberTests
{
    [TestCase(9_999, 1, "0000")]
    [TestCase(10_000, 1, "00000")]
    [TestCase(1_000_000, 100, "00000")]
    [TestCase(1_000_000, 1024, "0000")]
    [TestCase(1_000_001, 10, "000000")]
    public void NamesSortAsPassesDo(int inputs, int most, string digits)
    {
        using Many samples = new(inputs);
        Assert.That(ExplainRun.Digits(samples, most), Is.EqualTo(digits));
    }

    private sealed class Many(int count) : Samples
    {
        internal override int Count => count;

        internal override int UsualBatch => 1;

        internal override int Row(int n) => n;

        internal override string Name(int n) => $"{n}";

        internal override torch.Tensor Batch(int first, int count) => throw new NotSupportedException();

        public override void Dispose()
        {
        }
    }
}
