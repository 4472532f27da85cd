namespace Backtrace.Gpu.Models;

/// <summary>Model folders as Hugging Face publishes them, which say nothing about preprocessing: it follows from the files that are there.</summary>
internal static class HuggingFaceFolder
{
    /// <summary>Name of the configuration that every such folder has.</summary>
    internal const string ConfigFile = "config.json";

    /// <summary>Name of the file of a folder whose weights are changes of another model's.</summary>
    private const string AdapterFile = "adapter_config.json";

    /// <summary>Describes a model by its config.json and its tokenizer.</summary>
    /// <exception cref="ModelException">The configuration is damaged, of another kind of model, or there is no tokenizer.</exception>
    internal static ModelDescription Describe(string folder)
    {
        string title = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
        string config = Path.Combine(folder, ConfigFile), adapter = Path.Combine(folder, AdapterFile);
        if (File.Exists(adapter))
            throw new ModelException($"{adapter}: adapters are not supported; merge it into the model first.");
        PublishedFile file = new(config);
        return file.Text("model_type") switch
        {
            "llama" => new ModelDescription(title, new LlamaArchitecture().Complete(folder), PublishedTokenizer.Prompts(folder), []),
            "bert" => DescribeBert(title, folder),
            "distilbert" => DescribeDistilBert(title, folder),
            "roberta" => DescribeRoberta(title, folder),
            _ => throw file.Refusal("model_type", "bert, distilbert, llama and roberta are supported"),
        };
    }

    private static ModelDescription DescribeBert(string title, string folder)
    {
        BertConfig sizes = BertConfig.Read(Path.Combine(folder, ConfigFile));
        return new ModelDescription(title, new BertArchitecture { Config = sizes }, PublishedTokenizer.Texts(folder, sizes.MaxPositionEmbeddings), Labels(sizes.Classes, sizes.LabelNames));
    }

    private static ModelDescription DescribeDistilBert(string title, string folder)
    {
        DistilBertConfig sizes = DistilBertConfig.Read(Path.Combine(folder, ConfigFile));
        return new ModelDescription(title, new DistilBertArchitecture { Config = sizes }, PublishedTokenizer.Texts(folder, sizes.MaxPositionEmbeddings), Labels(sizes.Classes, sizes.LabelNames));
    }

    private static ModelDescription DescribeRoberta(string title, string folder)
    {
        BertConfig sizes = BertConfig.Read(Path.Combine(folder, ConfigFile), "roberta");
        return new ModelDescription(title, new RobertaArchitecture { Config = sizes }, PublishedTokenizer.Prompts(folder), Labels(sizes.Classes, sizes.LabelNames));
    }

    private static IReadOnlyList<string> Labels(int classes, IReadOnlyDictionary<string, string>? names) =>
        [.. Enumerable.Range(0, classes).Select(i => names?[$"{i}"] ?? $"{i}")];
}
