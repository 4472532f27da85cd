using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Engine;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Models;

/// <summary>The published Llama, recorded as the module that it is here, against relevance that was computed elsewhere.</summary>
public sealed class LlamaRelevanceTests
{
    [Test]
    public void RelevanceOfTheTokensEqualsTheGoldenCase()
    {
        using SafeTensorsFile golden = SafeTensors.Open(Fixtures.Path("models", "stories260k.safetensors"));
        using Explanation explanation = Explain(golden, new BacktracerOptions { LedgerPerSample = true });
        float[] expected = Floats(golden, "expected.default.relevance_in.input_ids");
        Assert.That(Deviation.Of(explanation.Input.data<float>().ToArray(), expected), Is.LessThan(1e-5));
        Assert.That(explanation.Ledger.Constants, Has.All.Zero, "the rotation takes no relevance");
        Explaining.AssertConserved(explanation);
    }

    [Test]
    public void NodesAreNamedAfterTheModules()
    {
        using SafeTensorsFile golden = SafeTensors.Open(Fixtures.Path("models", "stories260k.safetensors"));
        using Explanation explanation = Explain(golden, new BacktracerOptions());
        Assert.That(explanation.Ledger.Lines.Select(line => line.Node), Is.SupersetOf(new[] { "lm_head", "model.embed_tokens", "model.layers.4.self_attn.q_proj", "model.layers.0.mlp.down_proj" }));
    }

    [Test]
    public void BothStreamsOfContrastiveModeAreNearTheGoldenCase()
    {
        using SafeTensorsFile golden = SafeTensors.Open(Fixtures.Path("models", "stories260k.safetensors"));
        using Explanation explanation = Explain(golden, new BacktracerOptions { Mode = Mode.Contrastive });
        // Units that are nearly tied take another branch with other rounding; the file states how much that may change.
        double tolerance = double.Parse(golden.Metadata["contrastive.tol_fp32_l1"], System.Globalization.CultureInfo.InvariantCulture);
        Assert.That(Distance(explanation.Positive, Floats(golden, "expected.contrastive.relevance_in_pos.input_ids")), Is.LessThan(tolerance));
        Assert.That(Distance(explanation.Negative, Floats(golden, "expected.contrastive.relevance_in_neg.input_ids")), Is.LessThan(tolerance));
    }

    private static Explanation Explain(SafeTensorsFile golden, BacktracerOptions options)
    {
        using ModelPackage package = ModelPackage.Load("stories260k");
        using Tensor ids = golden.ToTensor("in.input_ids");
        using Backtracer backtracer = new(package.Module, null, options);
        return backtracer.Explain(ids, Target.NextToken());
    }

    private static double Distance(RelevanceStream actual, float[] expected) =>
        actual.Inputs[0].data<float>().Zip(expected, (a, b) => Math.Abs((double)a - b)).Sum() / expected.Sum(Math.Abs);

    private static float[] Floats(SafeTensorsFile golden, string name) => [.. golden.Read<double>(name).Select(value => (float)value)];
}
