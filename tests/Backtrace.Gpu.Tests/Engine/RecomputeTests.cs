using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Runs;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Blocks whose inner values are computed again give the same relevance, bit for bit, from less memory; what cannot be run again is refused.</summary>
public sealed class RecomputeTests
{
    private static IEnumerable<string> Devices => TestDevices.All;

    private static readonly RuleSet[] RuleSets = [RuleSet.Backtrace, RuleSet.Faithful, RuleSet.V1, RuleSet.V2, RuleSet.LrpEpsilon()];

    [TestCase(Mode.Default)]
    [TestCase(Mode.Contrastive)]
    public void ALanguageModelIsExplainedTheSame(Mode mode)
    {
        using ModelPackage package = ModelPackage.Load("stories260k");
        using Tensor ids = tensor(new long[] { 1, 403, 407, 261, 378, 298, 310, 417, 265, 429, 299, 270 }, [1, 12]);
        AssertSame(package.Module, ids, ["model.layers.*"], new BacktracerOptions { Mode = mode }, Target.NextToken());
    }

    [Test]
    public void ATrainedResNetIsExplainedTheSameByEveryRuleSet([ValueSource(nameof(RuleSets))] RuleSet rules)
    {
        using ModelPackage package = ModelPackage.Load("resnet20");
        using Tensor input = randn([3, 3, 32, 32], generator: new Generator().manual_seed(1));
        AssertSame(package.Module, input, ["layer1.*", "layer2.*", "layer3.0"], new BacktracerOptions { Rules = rules }, Target.Argmax());
    }

    [Test]
    public void AnUnmodifiedResNetIsExplainedTheSame()
    {
        using var scope = NewDisposeScope();
        Module<Tensor, Tensor> model = torchvision.models.resnet18(num_classes: 10);
        Tensor input = randn([1, 3, 32, 32], generator: new Generator().manual_seed(1));
        AssertSame(model, input, ["layer1.*", "layer2.*", "layer3.*", "layer4.*"], new BacktracerOptions(), Target.Argmax());
    }

    [TestCaseSource(nameof(Devices))]
    public void EveryDeviceExplainsTheSame(string device)
    {
        using var scope = NewDisposeScope();
        using Sequential model = Sequential(
            ("first", Linear(4, 6)),
            ("block", Sequential(("norm", LayerNorm(6)), ("wide", Linear(6, 20)), ("gelu", GELU()), ("narrow", Linear(20, 6)))),
            ("last", Linear(6, 3)));
        AssertSame(model, randn(2, 4), ["block"], new BacktracerOptions(), Target.Argmax(), device, full: false);
    }

    [Test]
    public void BertIsExplainedTheSame()
    {
        using ModelPackage package = ModelPackage.Load("bert-tiny-sst2");
        using Tensor ids = tensor(new long[] { 101, 2023, 3185, 2003, 2307, 102, 101, 1037, 2919, 3185, 999, 102 }, [2, 6]);
        AssertSame(package.Module, [ids], ["bert.encoder.layer.*"], new BacktracerOptions { LedgerPerSample = true }, Target.Argmax(), "cpu", full: false);
    }

    [Test]
    public void RandomNetsOfBlocksAreExplainedTheSame() => Prop.ForAll(Arb.From(Gen.Choose(0, int.MaxValue - 1)), number =>
    {
        using var scope = NewDisposeScope();
        Random random = new(number);
        using RandomBlocks model = new(random);
        Tensor input = tensor([.. Enumerable.Range(0, 3 * RandomNet.Width).Select(_ => (random.NextSingle() * 4) - 2)]).reshape(3, RandomNet.Width);
        string[] patterns = random.Next(3) == 0 ? ["blocks.0"] : ["blocks.*"];
        BacktracerOptions options = new() { Mode = random.Next(2) == 0 ? Mode.Default : Mode.Contrastive, Rules = random.Next(3) == 0 ? RuleSet.Faithful : RuleSet.Backtrace };
        AssertSame(model, input, patterns, options, Target.Custom([.. Enumerable.Range(0, 3 * RandomNet.Width).Select(_ => random.NextSingle())], [.. Enumerable.Range(0, 3 * RandomNet.Width).Select(_ => random.NextSingle())]), full: false);
    }).Check(Seeded.Cases(60));

    private static void AssertSame(nn.Module model, Tensor input, string[] patterns, BacktracerOptions options, Target target, string device = "cpu", bool full = true) =>
        AssertSame(model, [input], patterns, options, target, device, full);

    private static void AssertSame(nn.Module model, Tensor[] inputs, string[] patterns, BacktracerOptions options, Target target, string device, bool full)
    {
        using Backtracer listing = new(model, TestDevices.Get(device), options);
        IReadOnlyList<LayerInfo> layers = listing.ListLayers(inputs);
        options = options with { Layers = [.. layers.Select(l => l.Name)] };
        using Backtracer keeping = new(model, TestDevices.Get(device), options), computing = new(model, TestDevices.Get(device), options with { Recompute = patterns });
        Assert.That(computing.ListLayers(inputs).Select(l => l.ToString()), Is.EqualTo(layers.Select(l => l.ToString())));
        using Explanation expected = keeping.Explain(inputs, target), actual = computing.Explain(inputs, target);
        Assert.That(computing.Arena.LentBytes, Is.Zero);
        Assert.That(actual.Prediction.Floats(), Is.EqualTo(expected.Prediction.Floats()));
        for (int s = 0; s < expected.Streams.Count; s++)
        {
            Assert.That(actual.Streams[s].Input.Floats(), Is.EqualTo(expected.Streams[s].Input.Floats()));
            foreach ((string name, Tensor layer) in expected.Streams[s].Layers)
                Assert.That(actual.Streams[s].Layers[name].Floats(), Is.EqualTo(layer.Floats()), name);
            Assert.That(actual.Streams[s].Ledger.Lines.Select(Text), Is.EqualTo(expected.Streams[s].Ledger.Lines.Select(Text)));
        }

        if (full)
            Assert.That(actual.Facts.PeakBytes, Is.LessThan(0.9 * expected.Facts.PeakBytes));
    }

    private static string Text(LedgerLine line) => $"{line.Node}: {string.Join(' ', line.In)}; {string.Join(' ', line.Out)}; {string.Join(' ', line.Bias)}; {string.Join(' ', line.Dropped)}; {string.Join(' ', line.Constants)}";

    /// <summary>Blocks of random operators, between which tensors are added up, overwritten and cut.</summary>
    private sealed class RandomBlocks : Module<Tensor, Tensor>
    {
        private readonly ModuleList<Block> blocks;
        private readonly int[] kinds;

        internal RandomBlocks(Random random) : base(nameof(RandomBlocks))
        {
            blocks = ModuleList([.. Enumerable.Range(0, random.Next(2, 5)).Select(_ => new Block(new RandomNet(random), random.Next(4)))]);
            kinds = [.. blocks.Select(_ => random.Next(8))];
            RegisterComponents();
        }

        public override Tensor forward(Tensor input)
        {
            Tensor x = input * 1.5f;
            for (int k = 0; k < kinds.Length; k++)
            {
                Tensor before = x;
                x = kinds[k] switch
                {
                    0 => blocks[k].call(x),
                    1 => blocks[k].call(x) + x,
                    2 => x.add_(blocks[k].call(x)),
                    3 => blocks[k].call(x).relu_(),
                    4 => functional.linear(blocks[k].call(functional.linear(x, Fixed(5))), Fixed(5)) + Fixed(1)[0],
                    5 => blocks[k].call(blocks[k].call(x)),
                    6 => cat([blocks[k].call(x.narrow(1, 0, 5)).narrow(1, 0, 2), x.narrow(1, 2, 3)], 1),
                    _ => Filled(x, blocks[k].call(x)),
                };
                if (kinds[k] == 4)
                    before.mul_(0.5f);
            }

            return x;
        }

        private static Tensor Filled(Tensor x, Tensor block)
        {
            Tensor y = zeros_like(x);
            y.narrow(1, 0, 3).copy_(block.narrow(1, 1, 3));
            y.narrow(1, 2, 3).add_(x.narrow(1, 0, 3));
            return y;
        }
    }

    private static Tensor Fixed(int rows) => (arange(5 * rows, float32).reshape(rows, 5) * 0.7f).sin();

    /// <summary>A random network with something around it that layers are often merged with.</summary>
    private sealed class Block(RandomNet net, int kind) : Module<Tensor, Tensor>(nameof(Block))
    {
        public override Tensor forward(Tensor x)
        {
            if (kind == 1)
                x = x + Fixed(1)[0]; // the bias of a layer before, if it were not outside
            Tensor y = functional.linear(net.Forward(x), Fixed(5).narrow(1, 0, 3));
            if (kind == 2)
            {
                Tensor buffer = zeros_like(x);
                for (int k = 0; k < 5; k++)
                    buffer.narrow(1, k, 1).copy_(y.narrow(1, 4 - k, 1));
                y = buffer;
            }

            return kind == 3 ? y.tanh_().narrow(1, 0, 5) : y;
        }
    }
}
