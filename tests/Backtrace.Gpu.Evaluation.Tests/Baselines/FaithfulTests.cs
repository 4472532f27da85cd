using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Evaluation;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines;

/// <summary>The faithful rules rank tokens better than the paper's, on sentences of the development set and trained models.</summary>
public sealed class FaithfulTests
{
    [TestCase("bert-tiny-sst2", "bert.embeddings.word_embeddings", 4L)]
    [TestCase("lstm-sst2", "embedding", 1L)]
    public void RankTokensBetter(string name, string embedding, long absent)
    {
        using ModelPackage package = ModelPackage.Load(Assets.Path("models", name));
        ExplainedModel model = new(package.Module, embedding);
        using BacktraceExplainer faithful = BacktraceExplainer.Faithful(model), standard = new(model);
        double difference = 0, better = 0;
        string[] texts = [.. TextTable.Read(Assets.Path("sst2", "glue_dev.tsv")).Texts.Where(text => text.Split(' ').Length > 8).Take(12)];
        foreach (string text in texts)
        {
            using Tensor ids = tensor(package.Tokenizer!.Tokenize(text).Ids.ToArray()).unsqueeze(0);
            using Features features = Features.Each(ids.shape[1]);
            using Samples samples = new(ids.clone(), model.ScoresInBatches(ids).argmax(1), tensor(new[] { absent }).view(1, 1), features);
            double gain = Delta(model, samples, faithful) - Delta(model, samples, standard);
            difference += gain / texts.Length;
            better += gain > 0 ? 1 : 0;
        }

        Assert.That(difference, Is.GreaterThan(0.1));
        Assert.That(better, Is.GreaterThan(0.7 * texts.Length));
    }

    private static double Delta(ExplainedModel model, Samples samples, BacktraceExplainer explainer)
    {
        using Tensor attributions = explainer.Explain(samples);
        return new DeltaAuc().Measure(new Measurement(model, samples, attributions, explainer))[0];
    }
}
