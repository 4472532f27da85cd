using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>Rules that run on arrays of the caller, without a recorded model, give what they give elsewhere.</summary>
public sealed class HostNodeTests
{
    private static readonly Size3 One = new(1, 1, 1);
    private static readonly Size3 Picture = new(1, 6, 5);

    private static IEnumerable<string> Devices => TestDevices.Present;

    private static readonly (string Name, Operation Operation, long[] Input, long[] Output, Dictionary<string, long[]> Parameters)[] Layers =
    [
        ("linear", new Linear(new LinearShape(2, 7, 4)), [2, 7], [2, 4], new() { ["weight"] = [4, 7], ["bias"] = [4] }),
        ("convolution", new Convolution(new ConvolutionShape(2, 3, 4, 1, Picture, Picture, new Size3(1, 3, 3), One, new Size3(0, 1, 1), One), 2), [2, 3, 6, 5], [2, 4, 6, 5], new() { ["weight"] = [4, 3, 3, 3] }),
        ("maximum", new MaxPooling(new PoolShape(6, Picture, new Size3(1, 3, 2), new Size3(1, 2, 2), new Size3(1, 2, 2), default, One)), [2, 3, 6, 5], [2, 3, 3, 2], []),
        ("average", new AveragePooling(new PoolShape(6, Picture, new Size3(1, 3, 2), new Size3(1, 2, 2), new Size3(1, 2, 2), default, One)), [2, 3, 6, 5], [2, 3, 3, 2], []),
        ("identity", new Identity("ReLU"), [2, 9], [2, 9], []),
    ];

    private static IEnumerable<string> Names => Layers.Select(layer => layer.Name);

    [Test]
    public void AgreeWithRulesOfARun([ValueSource(nameof(Names))] string name, [ValueSource(nameof(Devices))] string device, [Values] Mode mode)
    {
        (_, Operation operation, long[] input, long[] output, Dictionary<string, long[]> parameters) = Layers.Single(layer => layer.Name == name);
        Random random = new(1);
        Values Draw(long[] shape, float least) => Values.Of(shape, _ => least + ((1 - least) * random.NextSingle()));
        Node node = new(operation, [Draw(input, -1)], [Draw(output, 0)], 2)
        {
            Opposing = [Draw(output, 0)],
            Output = Draw(output, -1),
            Parameters = parameters.ToDictionary(p => p.Key, p => Draw(p.Value, -1)),
        };
        HostNode host = new(operation)
        {
            Inputs = [Host(node.Inputs[0])],
            Output = Host(node.Output),
            Parameters = node.Parameters.ToDictionary(p => p.Key, p => Host(p.Value)),
            Samples = 2,
        };
        Device place = TestDevices.Get(device);
        Outcome[] expected = mode == Mode.Default ? [RuleRunner.Run(place, node)] : RuleRunner.RunContrastive(place, node);
        HostResult[] actual = mode == Mode.Default
            ? [host.Run(place, [Host(node.Relevance[0]!)])]
            : host.RunContrastive(place, [Host(node.Relevance[0]!)], [Host(node.Opposing[0]!)]) is var (first, second) ? [first, second] : [];

        for (int stream = 0; stream < expected.Length; stream++)
        {
            Assert.That(Deviation.Of(actual[stream].Relevance[0]!.Values, expected[stream].Relevance[0]!.Data), Is.LessThanOrEqualTo(1e-6));
            Assert.That(actual[stream].Relevance[0]!.Shape, Is.EqualTo(input));
            Assert.That(actual[stream].Ledger.Keys, Is.EquivalentTo(expected[stream].Ledger.Keys));
            foreach ((LedgerEntry entry, float[] sums) in expected[stream].Ledger)
                Assert.That(actual[stream].Ledger[entry], Is.EqualTo(sums).Within(1e-5));
        }
    }

    [Test]
    public void WhatIsMissingIsSaid()
    {
        Device device = TestDevices.Get("cpu");
        HostTensor row = new([1, 2], 1, 2);
        HostNode node = new(new Linear(new LinearShape(1, 2, 2))) { Inputs = [row], Parameters = new Dictionary<string, HostTensor> { ["weight"] = new([1, 2, 3, 4], 2, 2) } };
        Assert.That(() => node.RunContrastive(device, [row], [row]), Throws.InvalidOperationException.With.Message.Contains("HostNode.Output"));
        Assert.That(() => node.RunContrastive(device, [row], [new HostTensor([1, 2], 2, 1)]), Throws.ArgumentException.With.Message.Contains("same shapes"));
        Assert.That(() => node.Run(device, []), Throws.ArgumentException);
        Assert.That(() => new HostNode(new Nothing()) { Inputs = [row] }.Run(device, [row]), Throws.ArgumentException.With.Message.Contains("has no rule"));
        Assert.That(() => new HostNode(node.Operation) { Inputs = [row], Samples = 3 }.Run(device, [row]), Throws.ArgumentException.With.Message.Contains("3 is not the number of samples"));
        Assert.That(() => new HostTensor([1, 2, 3], 2, 2), Throws.ArgumentException.With.Message.Contains("3 values cannot have the shape [2, 2]"));
    }

    private static HostTensor Host(Values values) => new(values.Data, values.Shape);

    private sealed record Nothing : Operation
    {
        public override string Name => "Nothing";
    }
}
