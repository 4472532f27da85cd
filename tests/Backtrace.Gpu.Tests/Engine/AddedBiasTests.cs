using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;
using Linear = TorchSharp.Modules.Linear;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>A bias that a model adds to the product of a dense layer belongs to that layer.</summary>
public sealed class AddedBiasTests
{
    private Tensor input = null!;
    private Tensor bias = null!;
    private Linear layer = null!;
    private Linear head = null!;

    [SetUp]
    public void Create()
    {
        Generator generator = new(3);
        input = randn([2, 4], generator: generator);
        bias = randn([3], generator: generator);
        layer = nn.Linear(4, 3, hasBias: false);
        head = nn.Linear(3, 2);
    }

    [TearDown]
    public void Dispose()
    {
        layer.Dispose();
        head.Dispose();
        bias.Dispose();
        input.Dispose();
    }

    [Test]
    public void OnWhichSideTheBiasStandsDoesNotMatter([Values] Mode mode)
    {
        float[] whole = Explain(x => nn.functional.linear(x, layer.weight!, bias), mode);
        Assert.That(Explain(x => layer.call(x) + bias, mode), Is.EqualTo(whole));
        Assert.That(Explain(x => bias + layer.call(x), mode), Is.EqualTo(whole));
        Assert.That(Explain(x => layer.call(x).add_(bias), mode), Is.EqualTo(whole));
    }

    [Test]
    public void TheProductIsThereWithoutTheBiasToo([Values] Mode mode)
    {
        float[] twice = Explain(x => (layer.call(x) + bias) * layer.call(x), mode);
        float[] once = Explain(
            x =>
            {
                Tensor product = layer.call(x);
                return (product + bias) * product;
            },
            mode);
        Assert.That(once, Is.EqualTo(twice));
    }

    [Test]
    public void TheProductCanBeAnOutput()
    {
        using Backtracer backtracer = new(null, x =>
        {
            Tensor product = layer.call(x[0]);
            return [product, product + bias];
        });
        using Explanation product = backtracer.Explain(input, Target.Class(1)), sum = backtracer.Explain(input, Target.Class(1) with { Output = 1 });
        Assert.That(product.Ledger.Bias.Sum(), Is.Zero);
        Assert.That(sum.Ledger.Bias.Sum(), Is.GreaterThan(0));
    }

    private float[] Explain(Func<Tensor, Tensor> body, Mode mode)
    {
        using Backtracer backtracer = new(null, x => [head.call(body(x[0]))], options: new BacktracerOptions { Mode = mode });
        using Explanation e = backtracer.Explain(input, Target.Custom([1, 0.5f, 0.25f, 2], [0.5f, 1, 1, 0.75f]));
        return [.. e.Streams.SelectMany(s => s.Input.Floats())];
    }
}
