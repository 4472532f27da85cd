using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using Mode = Backtrace.Gpu.Kernels.Rules.Mode;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Modules that PyTorch has traced or scripted and torch.jit.load has read: libtorch interprets them, and no TorchSharp module is called.</summary>
public sealed class ScriptModuleTests
{
    private const string OneToOne = ScriptModuleText.OneToOne;

    private static readonly string[] Convolutions =
    [
        "torch.conv2d(x, self.weight, self.bias, [1, 1], [1, 1])",
        "torch._convolution(x, self.weight, self.bias, [1, 1], [1, 1], [1, 1], False, [0, 0], 1, False, False, True, True)", // traced
    ];

    [Test]
    public void AnInterpretedNetworkIsExplainedAsItsTwinIs([Values] Mode mode, [Values(0, 1)] int convolution)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(3);
        Conv2d first = Conv2d(3, 8, 3, padding: 1), second = Conv2d(8, 8, 3, padding: 1);
        BatchNorm2d norm = BatchNorm2d(8);
        Linear head = Linear(32, 5);
        init.normal_(norm.bias!);
        using Net twin = new(
            x =>
            {
                Tensor h = norm.call(first.call(x)).relu();
                return head.call(functional.max_pool2d(second.call(h).add(h).relu_(), 4).flatten(1));
            },
            ("first", first), ("norm", norm), ("second", second), ("head", head));
        using TemporaryFolder folder = new();
        ScriptModuleText Layer(Conv2d layer) => ScriptModuleText.Of("Conv", layer, Convolutions[convolution]);
        using jit.ScriptModule<Tensor, Tensor> script = Load(folder, new(
            "Network", OneToOne,
            """
            h = torch.relu((self.norm).forward((self.first).forward(x, ), ))
            z = torch.relu_(torch.add((self.second).forward(h, ), h))
            p = torch.max_pool2d(z, [4, 4], [4, 4], [0, 0], [1, 1], False)
            return (self.head).forward(torch.dropout(torch.flatten(p, 1), 0.5, self.training), )
            """,
            ("first", Layer(first)),
            ("norm", ScriptModuleText.Of("Norm", norm, "torch.batch_norm(x, self.weight, self.bias, self.running_mean, self.running_var, self.training, 0.1, 1.0000000000000001e-05, True)")),
            ("second", Layer(second)),
            ("head", ScriptModuleText.Of("Head", head, "torch.linear(x, self.weight, self.bias)"))));
        Tensor x = randn(2, 3, 8, 8);
        BacktracerOptions options = new() { Mode = mode, Layers = ["first", "norm", "second"] };
        using Backtracer ofTwin = new(twin, TestDevices.Get("cpu"), options), ofScript = new(script, TestDevices.Get("cpu"), options);
        using Explanation expected = ofTwin.Explain(x, Target.Argmax());
        Assert.That(ofScript.ListLayers(x).Select(layer => layer.Name), Is.EqualTo(new[] { "first", "norm", "relu", "second", "Add", "relu#2", "MaxPool2d", "flatten", "head" }));
        // libtorch watches the first runs and rewrites the program for later ones.
        for (int run = 0; run < 4; run++)
        {
            using Explanation actual = ofScript.Explain(x, Target.Argmax());
            foreach ((RelevanceStream a, RelevanceStream e) in actual.Streams.Zip(expected.Streams))
            {
                Explaining.AssertSame(a.Input, e.Input, what: $"run {run}");
                foreach (string layer in options.Layers)
                    Explaining.AssertSame(a[layer], e[layer], what: $"run {run}, {layer}");
            }
        }

        Assert.That(script.training, "dropout was on before");
    }

    [Test]
    public void ATracedTransposedConvolutionIsOne()
    {
        using var scope = NewDisposeScope();
        random.manual_seed(4);
        ConvTranspose1d layer = ConvTranspose1d(4, 6, 3, stride: 2, padding: 1, output_padding: 1, groups: 2);
        using TemporaryFolder folder = new();
        using jit.ScriptModule<Tensor, Tensor> script = Load(folder, ScriptModuleText.Of("Layer", layer, "torch._convolution(x, self.weight, self.bias, [2], [1], [1], True, [1], 2, False, False, True, True)"));
        Tensor x = randn(2, 4, 5);
        Target seed = Explaining.Seed(layer.call(x));
        using Explanation expected = Explaining.Explain(layer, x, seed), actual = Explaining.Explain(script, x, seed);
        Explaining.AssertSame(actual.Input, expected.Input);
    }

    // Its arguments are lists of tensors.
    [Test]
    public void AnInterpretedRecurrenceIsExplained()
    {
        using var scope = NewDisposeScope();
        random.manual_seed(5);
        LSTM lstm = LSTM(4, 3, numLayers: 1, batchFirst: true);
        using Net twin = new(x => lstm.call(x).Item1, ("lstm", lstm));
        using TemporaryFolder folder = new();
        using jit.ScriptModule<Tensor, Tensor> script = Load(folder, ScriptModuleText.Of("Recurrence", lstm, "_0") with
        {
            Body = """
                h = torch.zeros([1, 2, 3])
                y, _1, _2, = torch.lstm(x, [h, h], [self.weight_ih_l0, self.weight_hh_l0, self.bias_ih_l0, self.bias_hh_l0], True, 1, 0., self.training, False, True)
                return y
                """,
        });
        Tensor x = randn(2, 6, 4);
        Target seed = Explaining.Seed(twin.call(x));
        using Explanation expected = Explaining.Explain(twin, x, seed), actual = Explaining.Explain(script, x, seed);
        Explaining.AssertSame(actual.Input, expected.Input);
    }

    // What PyTorch's encoder layer calls when no gradients are wanted, with a mask of each kind.
    [Test]
    public void AnEncoderLayerInOneOperatorIsWrittenOut([Values(true, false)] bool isNormFirst, [Values(true, false)] bool isGelu, [Values(-1, 0, 1, 2)] int mask, [Values] Mode mode)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(6);
        Linear projection = Linear(8, 24), after = Linear(8, 8), wide = Linear(8, 12), narrow = Linear(12, 8);
        LayerNorm one = LayerNorm(8), two = LayerNorm(8);
        Tensor hidden = mask switch
        {
            0 => ones(5, 5).triu(1),
            1 => tensor(new float[] { 0, 0, 0, 0, 0, 0, 0, 0, 1, 1 }, [2, 5]),
            _ => ones(5, 5).triu(1).expand(2, 2, 5, 5).contiguous(),
        };
        Tensor seen = mask == 1 ? hidden.eq(0).view(2, 1, 1, 5) : hidden.eq(0);
        using Net twin = new(x =>
        {
            Tensor[] parts = [.. projection.call(isNormFirst ? one.call(x) : x).chunk(3, -1).Select(part => part.view(2, 5, 2, 4).transpose(1, 2))];
            Tensor attended = functional.scaled_dot_product_attention(parts[0], parts[1], parts[2], mask < 0 ? null : seen);
            Tensor y = after.call(attended.transpose(1, 2).flatten(2)) + x;
            y = isNormFirst ? y : one.call(y);
            Tensor inner = wide.call(isNormFirst ? two.call(y) : y);
            y = narrow.call(isGelu ? functional.gelu(inner) : inner.relu()) + y;
            return isNormFirst ? y : two.call(y);
        }, ("projection", projection), ("after", after), ("wide", wide), ("narrow", narrow), ("one", one), ("two", two));
        using TemporaryFolder folder = new();
        string masked = mask < 0 ? "None, None" : $"torch.ne(self.hidden, 0), {mask}", python = isNormFirst ? "True" : "False";
        using jit.ScriptModule<Tensor, Tensor> script = Load(folder, new(
            "Layer", OneToOne,
            $"""
            a = torch._transformer_encoder_layer_fwd(x, 8, 2, self.w0, self.b0, self.w1, self.b1, {(isGelu ? "True" : "False")}, {python}, 1.0000000000000001e-05, self.w2, self.b2, self.w3, self.b3, self.w4, self.b4, self.w5, self.b5, {masked})
            return a
            """,
            [("hidden", hidden), .. new nn.Module[] { projection, after, one, two, wide, narrow }.SelectMany((part, k) => part.named_parameters().Select(p => ($"{p.name[0]}{k}", (object)p.parameter)))]));
        Tensor x = randn(2, 5, 8);
        Target seed = Explaining.Seed(x);
        if (mode == Mode.Contrastive)
            seed = Target.Custom([.. Enumerable.Range(1, 80).Select(k => (float)k)], [.. Enumerable.Range(1, 80).Select(k => 81f - k)]);
        BacktracerOptions options = new() { Mode = mode };
        using Explanation expected = Explaining.Explain(twin, x, seed, options), actual = Explaining.Explain(script, x, seed, options);
        Explaining.AssertSame(actual.Prediction, expected.Prediction, 1e-5, "the operator computes what is written out");
        foreach ((RelevanceStream a, RelevanceStream e) in actual.Streams.Zip(expected.Streams))
            Explaining.AssertSame(a.Input, e.Input, 1e-5);
    }

    [Test]
    public void AnAttentionInOneOperatorIsWrittenOut([Values(true, false)] bool needsWeights)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(7);
        MultiheadAttention attention = MultiheadAttention(8, 2);
        using Net twin = new(x => attention.call(x.transpose(0, 1), x.transpose(0, 1), x.transpose(0, 1), null, false, null).Item1.transpose(0, 1), ("attention", attention));
        using TemporaryFolder folder = new();
        Dictionary<string, Parameter> weights = attention.named_parameters().ToDictionary(p => p.name, p => p.parameter);
        string need = needsWeights ? "True" : "False";
        using jit.ScriptModule<Tensor, Tensor> script = Load(folder, new(
            "Attention", OneToOne,
            $"""
            y, w, = torch._native_multi_head_attention(x, x, x, 8, 2, self.w0, self.b0, self.w1, self.b1, None, {need}, True, None)
            return y
            """,
            ("w0", weights["in_proj_weight"]), ("b0", weights["in_proj_bias"]), ("w1", weights["out_proj.weight"]), ("b1", weights["out_proj.bias"])));
        Tensor x = randn(2, 5, 8);
        Target seed = Explaining.Seed(x);
        using Explanation expected = Explaining.Explain(twin, x, seed), actual = Explaining.Explain(script, x, seed);
        Explaining.AssertSame(actual.Prediction, expected.Prediction, 1e-5);
        Explaining.AssertSame(actual.Input, expected.Input, 1e-5);
    }

    [Test]
    public void SeveralInputsAndOutputsAreCountedByTheScript()
    {
        using var scope = NewDisposeScope();
        using TemporaryFolder folder = new();
        using jit.ScriptModule script = jit.load(ScriptArchive.Write(folder.File("model.pt"), new(
            "Network", "x: Tensor, y: Tensor) -> Tuple[Tensor, Tensor]", "return (torch.add(x, y), torch.mul(x, y))")));
        using Backtracer backtracer = new(script, TestDevices.Get("cpu"));
        Tensor x = rand(2, 3) + 1, y = rand(2, 3) + 1;
        using Explanation product = backtracer.Explain([x, y], Target.Argmax() with { Output = 1 });
        Assert.That(product.Inputs, Has.Count.EqualTo(2));
        Explaining.AssertConserved(product);
        Assert.That(() => backtracer.Explain(x, Target.Argmax()), Throws.TypeOf<InvalidModelException>().With.Message.Contains("[2, 3]"));
    }

    [Test]
    public void SeveralThreadsExplainOneScript()
    {
        using TemporaryFolder folder = new();
        using Linear layer = Linear(6, 4);
        using jit.ScriptModule<Tensor, Tensor> script = Load(folder, ScriptModuleText.Of("Layer", layer, "torch.linear(torch.relu(torch.mul(x, 2)), self.weight, self.bias)"));
        using Tensor x = randn(3, 6);
        using Explanation expected = Explaining.Explain(script, x, Target.Argmax());
        float[][] all = [.. Enumerable.Range(0, 4).AsParallel().WithDegreeOfParallelism(4).Select(_ =>
        {
            using Backtracer backtracer = new(script);
            float[] last = [];
            for (int k = 0; k < 25; k++)
            {
                using Explanation e = backtracer.Explain(x, Target.Argmax());
                last = e.Input.Floats();
            }

            return last;
        })];
        Assert.That(all, Has.All.EqualTo(expected.Input.Floats()));
        Assert.That(script.training, "dropout was on before");
    }

    [Test]
    public void AResultThatIsNoTensorIsRefused()
    {
        using TemporaryFolder folder = new();
        using jit.ScriptModule script = jit.load(ScriptArchive.Write(folder.File("model.pt"), new("Network", "x: Tensor) -> Dict[str, Tensor]", "return {\"logits\": torch.relu(x)}")));
        using Backtracer backtracer = new(script, TestDevices.Get("cpu"));
        using Tensor x = ones(2, 3);
        Assert.That(() => backtracer.Explain(x, Target.Argmax()), Throws.TypeOf<InvalidModelException>().With.Message.Contains("TorchScript"));
    }

    [Test]
    public void ManyExplanationsOfAScriptLeaveTheMemoryFlat()
    {
        using TemporaryFolder folder = new();
        using Linear layer = Linear(4, 3);
        using jit.ScriptModule<Tensor, Tensor> script = Load(folder, ScriptModuleText.Of("Layer", layer, "torch.linear(x, self.weight, self.bias)"));
        using Tensor x = randn(2, 4);
        using Backtracer backtracer = new(script, TestDevices.Get("cpu"));
        // What other tests left is collected now rather than in between.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        long before = Run();
        Assert.That(Run(), Is.LessThanOrEqualTo(before));

        long Run()
        {
            for (int k = 0; k < 20; k++)
                backtracer.Explain(x, Target.Argmax()).Dispose();
            return Tensor.TotalCount;
        }
    }

    private static jit.ScriptModule<Tensor, Tensor> Load(TemporaryFolder folder, ScriptModuleText root) => jit.load<Tensor, Tensor>(ScriptArchive.Write(folder.File("model.pt"), root));
}
