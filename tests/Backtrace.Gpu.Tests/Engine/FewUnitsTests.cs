using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Runs;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>A head of which few units hold relevance gives what the whole layer gives.</summary>
public sealed class FewUnitsTests
{
    private static IEnumerable<string> Devices => TestDevices.All;

    [TestCaseSource(nameof(Devices))]
    public void OneTokenOfManyIsAsTheWholeHead(string device) => Compare(device, Target.NextToken(), new BacktracerOptions { LedgerPerSample = true });

    [TestCaseSource(nameof(Devices))]
    public void OneRowOfManyIsAsTheWholeHead(string device) => Compare(device, Target.NextToken([3, 4, 5], [6, 0, 2]), new BacktracerOptions { Mode = Mode.Contrastive, LedgerPerSample = true });

    [Test]
    public void SamplesMayHaveDifferentNumbersOfRows()
    {
        float[] seed = new float[3 * 7 * 50];
        (seed[0], seed[51], seed[(7 * 50) + 2]) = (1, 2, 3);
        Compare("cpu", Target.Custom(seed), new BacktracerOptions { LedgerPerSample = true });
        Compare("cpu", Target.Custom(seed), new BacktracerOptions());
    }

    // A vocabulary of bf16 numbers is half a megabyte here, and a megabyte as fp32.
    [TestCaseSource(nameof(Devices))]
    public void OfAHeadThatWouldBeCopiedTheUnitsAreTaken(string device)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(5);
        Tensor head = randn([1 << 15, 8], bfloat16), bias = randn([1 << 15], bfloat16), input = randn([1, 2, 8], bfloat16);
        using Explanation half = Explaining.Explain(x => nn.functional.linear(x, head, bias), input, Target.NextToken([30_000]), null, device);
        Tensor wide = head.to(float32), wideBias = bias.to(float32);
        using Explanation whole = Explaining.Explain(x => nn.functional.linear(x, wide, wideBias), input.to(float32), Target.NextToken([30_000]), null, device);
        Explaining.AssertSame(half.Input, whole.Input, 1e-2);
        Explaining.AssertConserved(half);
        Assert.That(half.Facts.PeakBytes, Is.LessThan(1 << 20));
    }

    // Each seed is text times vocabulary, a megabyte here: all at a time would be more than everything else.
    [Test]
    public void SeedsOfManyTargetsAreNotHeldAtATime([Values] Mode mode)
    {
        using var scope = NewDisposeScope();
        Tensor head = randn(4096, 4), input = randn(1, 64, 4);
        Target[] targets = [.. Enumerable.Range(0, 24).Select(position => Target.NextToken(positions: [position]))];
        using Backtracer backtracer = new(null, x => [nn.functional.linear(x[0], head, null)], TestDevices.Get("cpu"), new BacktracerOptions { Mode = mode });
        using Explanation one = backtracer.Explain(input, targets[0]);
        IReadOnlyList<Explanation> all = backtracer.Explain([input], targets);
        Assert.That(all[0].Facts.PeakBytes, Is.LessThan(one.Facts.PeakBytes + (4L << 20)));
        foreach ((RelevanceStream actual, RelevanceStream expected) in all[0].Streams.Zip(one.Streams))
            Explaining.AssertSame(actual.Input, expected.Input);
        foreach (Explanation e in all)
            e.Dispose();
    }

    // Copies of the logits keep the places of relevance from being known.
    private static void Compare(string device, Target target, BacktracerOptions options)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(5);
        Tensor first = randn(12, 9), head = randn(50, 12), bias = randn(50), input = randn(3, 7, 9);
        Tensor Logits(Tensor x) => nn.functional.linear(nn.functional.linear(x, first, null).tanh(), head, bias);
        using Explanation few = Explaining.Explain(Logits, input, target, options, device);
        using Explanation whole = Explaining.Explain(x => Logits(x).repeat(1, 1, 2).narrow(2, 0, 50), input, target, options, device);
        foreach ((RelevanceStream a, RelevanceStream b) in few.Streams.Zip(whole.Streams))
        {
            Explaining.AssertSame(a.Input, b.Input);
            Explaining.AssertSame(a.Ledger.Bias, b.Ledger.Bias);
            Explaining.AssertSame(a.Ledger.Input.ToArray(), b.Ledger.Input.ToArray());
        }
    }
}
