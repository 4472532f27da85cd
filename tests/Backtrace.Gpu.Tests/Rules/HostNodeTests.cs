using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Kernels.Rules.Recurrent;
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
        Assert.That(() => node.Run(device, []), Throws.ArgumentException.With.Message.Contains("Give the relevance of each output"));
        Assert.That(() => new HostNode(new Nothing()) { Inputs = [row] }.Run(device, [row]), Throws.ArgumentException.With.Message.Contains("has no rule"));
        Assert.That(() => new HostNode(node.Operation) { Inputs = [row], Samples = 3 }.Run(device, [row]), Throws.ArgumentException.With.Message.Contains("3 is not the number of samples"));
        Assert.That(() => new HostNode(node.Operation) { Inputs = [row], Samples = 0 }.Run(device, [row]), Throws.ArgumentException.With.Message.Contains("0 is not the number of samples"));
        Assert.That(() => new HostTensor([1, 2], -1, -2), Throws.ArgumentException.With.Message.Contains("2 values cannot have the shape [-1, -2]"));
        Assert.That(() => new HostTensor([1, 2, 3], 2, 2), Throws.ArgumentException.With.Message.Contains("3 values cannot have the shape [2, 2]"));
    }

    // Right, then with one thing wrong: message, operation, inputs, output, parameters.
    private static IEnumerable<TestCaseData> Wrong()
    {
        Size3 small = new(1, 2, 2);
        ConvolutionShape convolution = new(1, 2, 4, 2, Picture, Picture, One, One, default, One);
        PoolShape pool = new(2, Picture, new Size3(1, 3, 2), small, small, default, One);
        AttentionShape attention = new(1, 4, 2, 3, 5, 8, 6);
        long[] image = [1, 2, 6, 5];
        TestCaseData Case(string message, Operation operation, long[][] inputs, long[] output, Dictionary<string, long[]>? parameters = null) =>
            new TestCaseData(message, operation, inputs, output, parameters ?? []).SetArgDisplayNames(operation.GetType().Name, message);
        yield return Case("input 0 is [2, 6], not [2, 7]", new Linear(new LinearShape(2, 7, 4)), [[2, 6]], [2, 4], new() { ["weight"] = [4, 7] });
        yield return Case("output 0 is [2, 5], not [2, 4]", new Linear(new LinearShape(2, 7, 4)), [[2, 7]], [2, 5], new() { ["weight"] = [4, 7] });
        yield return Case("'bias' is [7], not [4]", new Linear(new LinearShape(2, 7, 4)), [[2, 7]], [2, 4], new() { ["weight"] = [4, 7], ["bias"] = [7] });
        yield return Case("the parameter 'weight', [4, 7], is missing", new Linear(new LinearShape(2, 7, 4)), [[2, 7]], [2, 4]);
        yield return Case("it has 0 inputs and 1 output", new Linear(new LinearShape(2, 7, 4)), [], [2, 4]);
        yield return Case("'weight' is [4, 2, 1, 1], not [4, 1, 1, 1, 1]", new Convolution(convolution, 2), [image], [1, 4, 6, 5], new() { ["weight"] = [4, 2, 1, 1] });
        yield return Case("have no 3 groups", new Convolution(convolution with { Groups = 3 }, 2), [image], [1, 4, 6, 5], new() { ["weight"] = [4, 1, 1, 1] });
        yield return Case("begin at 1", new Convolution(convolution with { Stride = default }, 2), [image], [1, 4, 6, 5], new() { ["weight"] = [4, 1, 1, 1] });
        yield return Case("dilations begin at 1", new Convolution(convolution with { Dilation = default }, 2), [image], [1, 4, 6, 5], new() { ["weight"] = [4, 1, 1, 1] });
        yield return Case("it has 2 inputs and 1 output, and needs 1 input and an output", new Linear(new LinearShape(2, 7, 4)), [[2, 7], [2, 7]], [2, 4], new() { ["weight"] = [4, 7] });
        yield return Case("input 0 is [1, 2, 6, 5], not [1, 4, 1, 6, 5]", new TransposedConvolution(convolution, 2), [image], image, new() { ["weight"] = [4, 1, 1, 1] });
        yield return Case("output 0 is [1, 2, 3, 3]", new MaxPooling(pool), [image], [1, 2, 3, 3]);
        yield return Case("input 0 is [1, 2, 6, 6]", new AveragePooling(pool), [[1, 2, 6, 6]], [1, 2, 3, 2]);
        yield return Case("output 0 is [2, 8], not [2, 9]", new Identity("ReLU"), [[2, 9]], [2, 8]);
        yield return Case("[2, 9] has no axis 2", new Softmax(2, "softmax"), [[2, 9]], [2, 9]);
        yield return Case("[2, 9] has no axis -3", new RootMeanSquareNormalisation([-3]), [[2, 9]], [2, 9]);
        yield return Case("'weight' is [2], not [9]", new LayerNormalisation(9, 1e-5), [[2, 9]], [2, 9], new() { ["weight"] = [2] });
        yield return Case("'variance' is [2], not [9]", new BatchNormalisation(1e-5), [[2, 9]], [2, 9], new() { ["variance"] = [2] });
        yield return Case("input 1, [3], does not broadcast to [2, 4]", new Add([new Addend(), new Addend()]), [[2, 4], [3]], [2, 4]);
        yield return Case("input 0, [2, 2, 4], does not broadcast to [2, 4]", new Multiply([true, false]), [[2, 2, 4], [4]], [2, 4]);
        yield return Case("the inputs have 5 positions together, and the output [2, 4] has 4", new Concatenate(1), [[2, 2], [2, 3]], [2, 4]);
        yield return Case("[3, 2] is no part of [2, 4] along axis 1", new Concatenate(-1), [[2, 2], [3, 2]], [2, 4]);
        yield return Case("is not a stack of 2 along axis 0", new Stack(0), [[4], [4]], [3, 4]);
        yield return Case("the outputs have 6 values together, and the input [2, 4] has 8", new Split(1), [[2, 4]], [2, 3]);
        yield return Case("3 is none of the 3 positions of axis 0", new IndexSelect(0, [0, 3]), [[3, 2]], [2, 2]);
        yield return Case("6 is none of the 6 positions of input 0", new IndexMap([6, -1]), [[3, 2]], [2]);
        yield return Case("2 is none of the 2 positions of input 1", new Overwrite([0, 1], [0, 2], 2), [[4], [4]], [4]);
        yield return Case("axis 0 of [2] cannot be padded by 2 and 0", new Pad(PadMode.Reflect, [2], [0]), [[2]], [4]);
        yield return Case("output 0 is [4], not [3]", new Pad(PadMode.Constant, [1], [0]), [[2]], [4]);
        yield return Case("repeated [2, 2] times", new Repeat([2, 2]), [[3]], [2, 5]);
        yield return Case("[3] has no axis 1", new Roll([1], [1]), [[3]], [3]);
        yield return Case("8 is none of the 6 positions of input 0", new StridedView([2, 2], [6, 1], 1), [[2, 3]], [2, 2]);
        yield return Case("[1, 2, 4] cannot become [1, 3, 8]", new Upsample(UpsampleMode.Linear, false, [null]), [[1, 2, 4]], [1, 3, 8]);
        yield return Case("input 0, [3], does not broadcast to [2]", new Where(1, -1), [[3], [2]], [2]);
        yield return Case("input 0 is the condition", new Where(0, 1), [[2], [2]], [2]);
        yield return Case("each place has an input of its own", new Where(1, 1), [[2], [2]], [2]);
        yield return Case("output 0 is [2, 4], not [2, 1]", new SumOverAxes([1]), [[2, 4]], [2, 4]);
        yield return Case("output 0 is [3], not [1, 4]", new MaxOverAxes([0]), [[2, 4]], [3]);
        yield return Case("[2, 4] has no axis 5", new ProductOverAxes([5]), [[2, 4]], [2]);
        yield return Case("[2, 4] and [3, 2] have no product", new MatrixProduct(true, true), [[2, 4], [3, 2]], [2, 2]);
        yield return Case("[3, 2, 4] and [2, 4, 2] have no product", new MatrixProduct(true, true), [[3, 2, 4], [2, 4, 2]], [3, 2, 2]);
        yield return Case("input 0 is [3], not [2]", new Embedding(), [[3]], [2, 4]);
        yield return Case("2 is none of the 2 positions of the bags", new EmbeddingBag([0, 2], [true]), [[2]], [2, 4], new() { ["rows"] = [2, 4] });
        yield return Case("input 1 is [1, 4, 5, 8], not [1, 2, 5, 8]", new Attention(attention, 1, false, AttentionMask.None), [[1, 4, 3, 8], [1, 4, 5, 8], [1, 2, 5, 6]], [1, 4, 3, 6]);
        yield return Case("input 3, [4, 5], does not broadcast to [1, 4, 3, 5]", new Attention(attention, 1, false, AttentionMask.Boolean), [[1, 4, 3, 8], [1, 2, 5, 8], [1, 2, 5, 6], [4, 5]], [1, 4, 3, 6]);
        yield return Case("'weight_hh_l0' is [6, 3], not [6, 2]", new RecurrentLayers(RecurrentCell.Gru, 1, false, RecurrentSteps.Dense(3, 2, true)), [[2, 3, 4], [1, 2, 2]], [2, 3, 2], new() { ["weight_ih_l0"] = [6, 4], ["weight_hh_l0"] = [6, 3] });
    }

    [TestCaseSource(nameof(Wrong))]
    public void WrongSizesAreRefused(string message, Operation operation, long[][] inputs, long[] output, Dictionary<string, long[]> parameters)
    {
        HostNode node = new(operation) { Inputs = [.. inputs.Select(Zeros)], Parameters = parameters.ToDictionary(p => p.Key, p => Zeros(p.Value)) };
        Assert.That(() => node.Run(TestDevices.Get("cpu"), [Zeros(output)]), Throws.ArgumentException.With.Message.Contains(message).And.Message.StartsWith(operation.Name + ": "));
    }

    [Test]
    public void BatchNormalisationsByLrpKnowTheirStatistics()
    {
        Device device = TestDevices.Get("cpu");
        HostTensor Channels(params float[] values) => new(values, values.Length);
        HostNode Node(Dictionary<string, HostTensor> parameters) => new(new BatchNormalisation(0))
        {
            Inputs = [new HostTensor([3, 5], 1, 2)],
            Output = new HostTensor([4, 8], 1, 2), // 3·2 − 2 and 5·1 + 3
            Parameters = parameters,
        };
        RuleSet rules = RuleSet.LrpEpsilon(0);
        HostTensor relevance = new([4, 16], 1, 2);
        HostResult result = Node(new() { ["mean"] = Channels(1, 2), ["variance"] = Channels(1, 4), ["weight"] = Channels(2, 2), ["bias"] = Channels(0, 5) }).Run(device, [relevance], rules);
        Assert.That(result.Relevance[0]!.Values, Is.EqualTo(new float[] { 6, 10 }).Within(1e-5));
        Assert.That(result.Ledger[LedgerEntry.Bias][0], Is.EqualTo(-2 + 6).Within(1e-5));
        HostResult same = Node(new() { ["scale"] = Channels(2, 1), ["shift"] = Channels(-2, 3) }).Run(device, [relevance], rules);
        Assert.That(same.Relevance[0]!.Values, Is.EqualTo(result.Relevance[0]!.Values));
        Assert.That(() => Node(new() { ["mean"] = Channels(1, 2) }).Run(device, [relevance], rules), Throws.ArgumentException.With.Message.Contains("'variance'"));
        Assert.That(Node([]).Run(device, [relevance]).Relevance[0]!.Values, Is.EqualTo(relevance.Values));
    }

    [Test]
    public void BatchNormalisationsByLrpAddEpsilonToTheVariance()
    {
        HostTensor Channels(params float[] values) => new(values, values.Length);
        HostNode node = new(new BatchNormalisation(3))
        {
            Inputs = [new HostTensor([3, 5], 1, 2)],
            Output = new HostTensor([2, 6.5f], 1, 2), // 3·1 − 1 and 5·½ + 4
            Parameters = new Dictionary<string, HostTensor> { ["mean"] = Channels(1, 2), ["variance"] = Channels(1, 13), ["weight"] = Channels(2, 2), ["bias"] = Channels(0, 5) },
        };
        HostResult result = node.Run(TestDevices.Get("cpu"), [new HostTensor([2, 13], 1, 2)], RuleSet.LrpEpsilon(0));
        Assert.That(result.Relevance[0]!.Values, Is.EqualTo(new float[] { 3, 5 }).Within(1e-5));
        Assert.That(result.Ledger[LedgerEntry.Bias][0], Is.EqualTo(-1 + 8).Within(1e-5));
    }

    [Test]
    public void EveryOperationChecksItsSizes()
    {
        IEnumerable<Type> checkers = typeof(Operation).Assembly.GetTypes()
            .Where(type => type.IsSubclassOf(typeof(Operation)))
            .Select(type => type.GetMethod(nameof(Operation.Check))!.DeclaringType!)
            .Distinct();
        Assert.That(checkers, Is.EquivalentTo(Wrong().Select(test => test.Arguments[1]!.GetType()).Distinct()));
    }

    private static HostTensor Zeros(long[] shape) => new(new float[DeviceTensor.Count(shape)], shape);

    private static HostTensor Host(Values values) => new(values.Data, values.Shape);

    private sealed record Nothing : Operation
    {
        public override string Name => "Nothing";
    }
}
