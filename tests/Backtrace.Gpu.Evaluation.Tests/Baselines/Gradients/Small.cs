using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines.Gradients;

/// <summary>Networks whose attributions are known, and inputs for them.</summary>
internal static class Small
{
    internal static readonly string Bert = Assets.Path("models", "bert-tiny-sst2");

    internal static ExplainedModel Model(ModelPackage package) => new(package.Module, package.Module is Bert ? "bert.embeddings.word_embeddings" : null);

    /// <summary>One linear layer, [inputs] to [outputs].</summary>
    internal static TorchSharp.Modules.Linear Linear(float[,] weight, float[]? bias = null)
    {
        TorchSharp.Modules.Linear linear = nn.Linear(weight.GetLength(1), weight.GetLength(0), hasBias: bias is not null);
        using var quiet = no_grad();
        linear.weight!.copy_(tensor(weight));
        if (bias is not null)
            linear.bias!.copy_(tensor(bias));
        return linear;
    }

    /// <summary>An MLP whose weights are drawn from a seed.</summary>
    internal static Mlp Mlp(long seed, IReadOnlyList<int> sizes, Activation hidden)
    {
        Mlp mlp = new(sizes, hidden);
        using Generator generator = new((ulong)seed);
        using var quiet = no_grad();
        foreach (var parameter in mlp.parameters())
            parameter.copy_(randn(parameter.shape, dtype: float32, generator: generator));
        return mlp;
    }

    /// <summary>Numbers from a seed, classes 0, 1, 0, 1, ..., absent entries of 0.5, each entry a feature.</summary>
    internal static Samples Draw(long seed, params long[] shape)
    {
        using Generator generator = new((ulong)seed);
        return new(
            randn(shape, dtype: float32, generator: generator),
            tensor(Enumerable.Range(0, (int)shape[0]).Select(i => (long)(i % 2)).ToArray()),
            full([1, .. shape[1..]], 0.5f),
            Features.Each(shape[1..]));
    }

    /// <summary>Rows, all explained for one class.</summary>
    internal static Samples Rows(float[,] rows, long target = 0) => new(
        tensor(rows),
        full([rows.GetLength(0)], target, int64),
        full([1, rows.GetLength(1)], 0.5f),
        Features.Each(rows.GetLength(1)));

    /// <summary>"this is" and "no is" between [CLS] and [SEP], which are no features; [UNK] stands in for the words.</summary>
    internal static Samples Sentences() => new(
        tensor(new long[] { 101, 2023, 2003, 102, 101, 2053, 2003, 102 }).view(2, 4),
        tensor(new long[] { 1, 0 }),
        tensor(new long[] { 100 }).view(1, 1),
        new Features(tensor(new long[] { -1, 0, 1, -1 })));

    internal static float[] Explain(IExplainer explainer, Samples samples)
    {
        using Tensor attributions = explainer.Explain(samples);
        Assert.That(attributions.shape, Is.EqualTo(samples.Input.shape));
        Assert.That(attributions.dtype, Is.EqualTo(float32));
        return attributions.data<float>().ToArray();
    }

    internal static float[] Numbers(Tensor tensor)
    {
        using (tensor)
            return tensor.to(float32).cpu().contiguous().data<float>().ToArray();
    }
}
