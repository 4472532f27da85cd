using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Perf.Methods;

/// <summary>A trained model with one input, as methods of explanation see it.</summary>
internal sealed class MethodCase : IDisposable
{
    // Sentences of this many tokens, beginnings of stories of as many.
    private const int Tokens = 24;

    private readonly ModelPackage package;
    private readonly Features features;

    private MethodCase(string name, ModelPackage package, ExplainedModel model, Tensor input, Tensor absent, Features features)
    {
        Name = name;
        this.package = package;
        this.features = features;
        Model = model;
        Samples = new Samples(input, model.ScoresInBatches(input).argmax(1), absent, features);
    }

    /// <summary>The models of the comparison.</summary>
    public static IReadOnlyList<string> Names { get; } = ["resnet20", "resnet56", "lending-mlp", "bert-tiny-sst2", "lstm-sst2", "stories260k"];

    public string Name { get; }

    public ExplainedModel Model { get; }

    public Samples Samples { get; }

    public static MethodCase Create(string name)
    {
        ModelPackage package = ModelPackage.Load(name);
        Generator generator = new Generator().manual_seed(20);
        switch (package.Description.Architecture)
        {
            case CifarResNetArchitecture:
                return new MethodCase(name, package, new ExplainedModel(package.Module), randn(1, 3, 32, 32, generator: generator), zeros(1, 3, 32, 32), Features.Pixels(3, 32, 32));
            case MlpArchitecture:
                TabularPreprocessing table = (TabularPreprocessing)package.Description.Preprocessing;
                Features columns = Features.Columns(table.Columns.Select(column => column.Width));
                return new MethodCase(name, package, new ExplainedModel(package.Module), randn(1, table.Width, generator: generator), zeros(1, table.Width), columns);
            default:
                string embedding = package.Module switch { Bert => "bert.embeddings.word_embeddings", LstmClassifier => "embedding", _ => "model.embed_tokens" };
                ExplainedModel model = package.Module is LanguageModel language
                    ? new(language, ids => language.LastLogits(ids, 1).select(1, 0), embedding)
                    : new(package.Module, embedding);
                return new MethodCase(name, package, model, randint(5, 500, [1, Tokens], ScalarType.Int64, generator: generator), ones([1, 1], ScalarType.Int64), Features.Each(Tokens));
        }
    }

    public void Dispose()
    {
        Samples.Dispose();
        features.Dispose();
        package.Dispose();
    }
}
