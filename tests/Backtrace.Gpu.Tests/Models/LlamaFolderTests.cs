using System.Text.Json;
using System.Text.Json.Nodes;
using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Models;

/// <summary>Model folders as Hugging Face publishes them, good and bad.</summary>
public sealed class LlamaFolderTests
{
    private static readonly string Source = Assets.Path("models", "stories260k");

    [Test]
    public void AFolderWithoutDescriptionLoads()
    {
        using TemporaryFolder folder = Copy();
        using ModelPackage bare = ModelPackage.Load(folder.Path), named = ModelPackage.Load("stories260k");
        Assert.Multiple(() =>
        {
            Assert.That(bare.Description.Architecture, Is.TypeOf<LlamaArchitecture>());
            Assert.That(bare.Description.Classes, Is.Empty);
            Assert.That(bare.PromptTokenizer, Is.TypeOf<SentencePieceTokenizer>());
            Assert.That(Logits(bare).equal(Logits(named)).all().item<bool>());
        });
    }

    [Test]
    public void ShardsAreOneModel()
    {
        using TemporaryFolder folder = Copy();
        Split(folder);
        using ModelPackage shards = ModelPackage.Load(folder.Path), whole = ModelPackage.Load("stories260k");
        Assert.That(Logits(shards).equal(Logits(whole)).all().item<bool>());
    }

    [TestCase("\"model-1.safetensors\"", "\"../model-1.safetensors\"", "same folder")]
    [TestCase("\"model-1.safetensors\"", "\"/etc/passwd\"", "same folder")]
    [TestCase("\"model-1.safetensors\"", "\"model-3.safetensors\"", "model-3.safetensors: there is no such")]
    [TestCase("\"model-1.safetensors\"", "\"model-2.safetensors\"", "has no such tensor")]
    [TestCase("\"model-1.safetensors\"", "7", "not an index")]
    [TestCase("\"model-1.safetensors\"", "null", "same folder")]
    [TestCase("weight_map", "weights", "not an index")]
    [TestCase("model.norm.weight", "model.norm.wait", "has no such tensor")]
    public void IndexesThatLieAreRefused(string part, string replacement, string problem)
    {
        using TemporaryFolder folder = Copy();
        Split(folder);
        string index = File.ReadAllText(folder.File(WeightFiles.IndexFile));
        int at = index.IndexOf(part, StringComparison.Ordinal);
        folder.Write(WeightFiles.IndexFile, index.Remove(at, part.Length).Insert(at, replacement));
        Refused(folder, problem);
    }

    [Test]
    public void ShardsHoldNoMoreThanTheIndexSays()
    {
        using TemporaryFolder folder = Copy();
        Split(folder);
        using (Tensor more = ones(3))
            SafeTensors.Save(folder.File("model-3.safetensors"), [new("model.norm.weight", more), new("more", more)]);
        string index = File.ReadAllText(folder.File(WeightFiles.IndexFile));
        folder.Write(WeightFiles.IndexFile, index.Replace("\"weight_map\":{", "\"weight_map\":{\"more\":\"model-3.safetensors\",", StringComparison.Ordinal));
        Refused(folder, "model-3.safetensors holds 'model.norm.weight', which the index does not place there");
    }

    [Test]
    public void TensorsThatTheNetworkDerivesNeedNotBeThere()
    {
        using TemporaryFolder folder = Copy();
        Rewrite(folder, tensors =>
        {
            tensors.Add("lm_head.weight", tensors["model.embed_tokens.weight"]);
            tensors.Add("model.layers.0.self_attn.rotary_emb.inv_freq", ones(4));
        });
        using ModelPackage model = ModelPackage.Load(folder.Path), named = ModelPackage.Load("stories260k");
        Assert.That(Logits(model).equal(Logits(named)).all().item<bool>());
    }

    [Test]
    public void WeightsOfAnotherModelAreRefused()
    {
        using TemporaryFolder folder = Copy();
        Rewrite(folder, tensors => tensors.Remove("model.layers.3.mlp.up_proj.weight"));
        Refused(folder, "1 missing (model.layers.3.mlp.up_proj.weight)");
        Rewrite(folder, tensors => tensors["model.layers.3.mlp.up_proj.weight"] = ones(3));
        Refused(folder, "[3] in the file, [172, 64] in the model");
    }

    [TestCase("hidden_size", "0", "hidden_size 0")]
    [TestCase("hidden_size", "-64", "hidden_size -64")]
    [TestCase("hidden_size", "2000000000", "hidden_size 2000000000")]
    [TestCase("hidden_size", "99999999999", "not a valid configuration")]
    [TestCase("hidden_size", "\"64\"", "not a valid configuration")]
    [TestCase("hidden_size", null, "hidden_size")]
    [TestCase("hidden_size", "65", "does not fit")]
    [TestCase("vocab_size", "16777216", "in the model")]
    [TestCase("num_hidden_layers", "2000000000", "num_hidden_layers")]
    [TestCase("num_hidden_layers", "6", "9 missing")]
    [TestCase("num_key_value_heads", "3", "num_attention_heads 8 is no multiple of num_key_value_heads 3")]
    [TestCase("num_key_value_heads", "0", "num_key_value_heads 0")]
    [TestCase("head_dim", "7", "odd")]
    [TestCase("hidden_act", "\"gelu\"", "gelu")]
    [TestCase("hidden_act", "null", "not a valid configuration")]
    [TestCase("rms_norm_eps", "0", "rms_norm_eps")]
    [TestCase("rope_theta", "-1", "rope_theta")]
    [TestCase("rope_scaling", "{\"rope_type\": \"yarn\", \"factor\": 4}", "yarn")]
    [TestCase("rope_scaling", "{\"rope_type\": \"llama3\", \"factor\": 0}", "factor 0")]
    [TestCase("rope_scaling", "{\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 4}", "low_freq_factor")]
    [TestCase("rope_scaling", "{\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 4, \"high_freq_factor\": 1, \"original_max_position_embeddings\": 8192}", "0 < low_freq_factor < high_freq_factor")]
    [TestCase("rope_scaling", "3", "not a valid configuration")]
    [TestCase("rope_scaling", "{\"type\": \"linear\"}", "rope_scaling of type 'linear' needs a factor")]
    [TestCase("rope_scaling", "{\"factor\": 2}", "rope_scaling has factor 2 and no rope_type")]
    [TestCase("rope_scaling", "{\"type\": \"linear\", \"rope_type\": \"default\", \"factor\": 2}", "rope_type 'default' and type 'linear'")]
    [TestCase("rope_scaling", "{\"type\": \"dynamic\", \"factor\": 2}", "rope_scaling of type 'dynamic'")]
    [TestCase("rope_scaling", "{\"rope_type\": \"llama3\", \"factor\": 8}", "needs low_freq_factor, high_freq_factor and original_max_position_embeddings")]
    [TestCase("rope_scaling", "{\"rope_type\": \"linear\", \"factor\": 8, \"attention_factor\": 2}", "rope_scaling has attention_factor")]
    [TestCase("rope_parameters", "{\"full_attention\": {\"rope_type\": \"linear\", \"factor\": 2}}", "rope_parameters has full_attention")]
    [TestCase("rope_theta", "\"10000\"", "rope_theta is \"10000\"; a number is needed")]
    [TestCase("partial_rotary_factor", "0.5", "partial_rotary_factor is 0.5; only 1 is supported")]
    [TestCase("sliding_window", "4096", "sliding_window is 4096; this is not supported")]
    [TestCase("quantization_config", "{\"quant_method\": \"awq\"}", "quantization_config is {\"quant_method\":\"awq\"}; this is not supported")]
    [TestCase("auto_map", "{\"AutoModelForCausalLM\": \"modeling.Other\"}", "auto_map")]
    [TestCase("architectures", "[\"LlamaForSequenceClassification\"]", "only LlamaForCausalLM is supported")]
    [TestCase("head_dim", "16777216", "num_attention_heads 8 of head_dim 16777216 are more than")]
    [TestCase("model_type", "\"mistral\"", "model_type is \"mistral\"; bert, distilbert, llama and roberta are supported")]
    [TestCase("rope_parameters", "{\"rope_type\": \"yarn\", \"rope_theta\": 10000}", "rope_parameters of type 'yarn'")]
    [TestCase("rope_parameters", "{\"rope_type\": \"default\", \"rope_theta\": 0}", "rope_theta")]
    [TestCase("rope_parameters", "{\"rope_type\": \"default\", \"rope_theta\": 500000}", "rope_theta is 10000 by itself and 500000 in rope_parameters")]
    [TestCase("model_type", "\"gpt2\"", "gpt2")]
    [TestCase("model_type", null, "model_type is not there")]
    [TestCase("tie_word_embeddings", "false", "lm_head.weight")]
    [TestCase("eos_token_id", "\"</s>\"", "not a valid configuration")]
    public void ConfigurationsThatMakeNoSenseAreRefused(string field, string? value, string problem)
    {
        using TemporaryFolder folder = Copy();
        JsonObject config = JsonNode.Parse(File.ReadAllText(folder.File("config.json")))!.AsObject();
        config.Remove(field);
        if (value is not null)
            config.Add(field, JsonNode.Parse(value));
        folder.Write("config.json", config.ToJsonString());
        Refused(folder, problem);
    }

    [TestCase("partial_rotary_factor", "1.0")]
    [TestCase("sliding_window", "null")]
    [TestCase("rope_scaling", "{\"rope_type\": \"default\"}")]
    [TestCase("hidden_act", "\"swish\"")]
    [TestCase("architectures", "[\"LLaMAForCausalLM\"]")]
    public void WhatChangesNothingIsTaken(string field, string value)
    {
        using TemporaryFolder folder = Copy();
        JsonObject config = JsonNode.Parse(File.ReadAllText(folder.File("config.json")))!.AsObject();
        config[field] = JsonNode.Parse(value);
        folder.Write("config.json", config.ToJsonString());
        using ModelPackage model = ModelPackage.Load(folder.Path), named = ModelPackage.Load("stories260k");
        Assert.That(Logits(model).equal(Logits(named)).all().item<bool>());
    }

    [Test]
    public void AHeadThatContradictsItsTieIsRefused()
    {
        using TemporaryFolder folder = Copy();
        Rewrite(folder, tensors => tensors.Add("lm_head.weight", tensors["model.embed_tokens.weight"] * 2));
        Refused(folder, "lm_head.weight: differs from model.embed_tokens.weight");
    }

    [Test]
    public void AnAdapterIsRefused()
    {
        using TemporaryFolder folder = Copy();
        folder.Write("adapter_config.json", "{}");
        Refused(folder, "adapter_config.json: adapters are not supported");
    }

    [Test]
    public void RopeParametersStandForThetaAndScaling()
    {
        using TemporaryFolder folder = Copy();
        JsonObject config = JsonNode.Parse(File.ReadAllText(folder.File("config.json")))!.AsObject();
        config.Remove("rope_theta");
        config.Remove("rope_scaling");
        config["rope_parameters"] = JsonNode.Parse("""{ "rope_type": "llama3", "rope_theta": 500000, "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 16 }""");
        folder.Write("config.json", config.ToJsonString());
        LlamaConfig newer = LlamaConfig.Read(folder.File("config.json"));
        Assert.That(newer.RopeTheta, Is.EqualTo(500_000));
        Assert.That(newer.Stretching!.Apply(0.001), Is.EqualTo(0.001 / 8).Within(1e-12));
        config["rope_scaling"] = JsonNode.Parse("""{ "type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 16 }""");
        folder.Write("config.json", config.ToJsonString());
        Assert.That(() => LlamaConfig.Read(folder.File("config.json")), Throws.Nothing, "both forms agree");
        config["rope_scaling"]!["factor"] = 4;
        folder.Write("config.json", config.ToJsonString());
        Refused(folder, "contradict each other");
    }

    [Test]
    public void AConfigurationCutShortIsRefused()
    {
        using TemporaryFolder folder = Copy();
        folder.Write("model.json", File.ReadAllText(Path.Combine(Source, "model.json")));
        string config = File.ReadAllText(folder.File("config.json"));
        foreach (int length in new[] { 0, 1, config.Length / 2, config.Length - 1 })
        {
            folder.Write("config.json", config[..length]);
            Refused(folder, "config.json: not a valid configuration");
        }
        File.Delete(folder.File("config.json"));
        Refused(folder, "config.json: there is no such");
    }

    [Test]
    public void AMissingOrTooLargeTokenizerIsRefused()
    {
        using TemporaryFolder folder = Copy();
        byte[] tokenizer = File.ReadAllBytes(folder.File("tokenizer.bin"));
        folder.Write("tokenizer.bin", [.. tokenizer, 0, 0, 0, 0, 1, 0, 0, 0, (byte)'x']);
        Refused(folder, "the tokenizer has 513 tokens, the network knows 512");
        File.Delete(folder.File("tokenizer.bin"));
        Refused(folder, "no tokenizer");
    }

    [Test]
    public void EndTokensAreOneNumberOrSeveral()
    {
        using TemporaryFolder folder = Copy();
        string config = File.ReadAllText(folder.File("config.json"));
        Assert.That(LlamaConfig.Read(folder.File("config.json")).EndTokens, Is.EqualTo(new long[] { 2 }));
        folder.Write("config.json", config.Replace("\"eos_token_id\": 2", "\"eos_token_id\": [128001, 128009]", StringComparison.Ordinal));
        Assert.That(LlamaConfig.Read(folder.File("config.json")).EndTokens, Is.EqualTo(new long[] { 128001, 128009 }));
        folder.Write("config.json", config.Replace("\"eos_token_id\": 2", "\"eos_token_id\": null", StringComparison.Ordinal));
        Assert.That(LlamaConfig.Read(folder.File("config.json")).EndTokens, Is.Empty);
    }

    [Test]
    public void EndTokensOfTheGenerationCountMore()
    {
        using TemporaryFolder folder = Copy();
        Assert.That(Ends(), Is.EqualTo(new long[] { 2 }));
        folder.Write("generation_config.json", "{ \"do_sample\": true, \"pad_token_id\": 0, \"temperature\": 0.6 }");
        Assert.That(Ends(), Is.Empty, "the file takes the place of what config.json says, as in transformers");
        folder.Write("generation_config.json", "{ \"eos_token_id\": null }");
        Assert.That(Ends(), Is.Empty);
        folder.Write("generation_config.json", "{ \"eos_token_id\": [7, 9] }");
        Assert.That(Ends(), Is.EqualTo(new long[] { 7, 9 }));
        folder.Write("generation_config.json", "{ \"eos_token_id\": \"</s>\" }");
        Refused(folder, "generation_config.json: not a valid configuration: eos_token_id is \"</s>\"");

        IReadOnlyList<long> Ends()
        {
            using ModelPackage package = ModelPackage.Load(folder.Path);
            return ((LanguageModel)package.Module).EndTokens;
        }
    }

    [TestCase("\"repetition_penalty\": 1.05", "repetition_penalty is 1.05; only the most likely token")]
    [TestCase("\"num_beams\": 4", "num_beams is 4")]
    [TestCase("\"suppress_tokens\": [5]", "suppress_tokens is [5]")]
    [TestCase("\"repetition_penalty\": 1.0, \"num_beams\": 1, \"suppress_tokens\": [], \"bad_words_ids\": null, \"top_p\": 0.9", null)]
    public void SettingsThatChangeTheMostLikelyTokensAreRefusedWhenTextsAreContinued(string settings, string? problem)
    {
        using TemporaryFolder folder = Copy();
        folder.Write("generation_config.json", $"{{ {settings} }}");
        Check("generation_config.json");
        File.Delete(folder.File("generation_config.json"));
        folder.Write("config.json", File.ReadAllText(folder.File("config.json")).Replace("\"eos_token_id\": 2", settings, StringComparison.Ordinal));
        Check("config.json");

        void Check(string file)
        {
            using ModelPackage package = ModelPackage.Load(folder.Path);
            LanguageModel model = (LanguageModel)package.Module;
            if (problem is null)
                Assert.That(model.Generate([1], 3), Has.Count.EqualTo(3));
            else
                Assert.That(() => model.Generate([1], 3), Throws.InstanceOf<ModelException>().With.Message.Contains($"{file}: {problem}"));
            using Tensor ids = tensor(new long[] { 1, 2 }, [1, 2]), logits = model.call(ids);
            Assert.That(logits.shape[1], Is.EqualTo(2), "the model itself answers");
        }
    }

    private static Tensor Logits(ModelPackage package)
    {
        using IDisposable inference = no_grad();
        using Tensor ids = package.PromptTokenizer!.Tokenize("One day, Tom").ToTensor();
        return package.Module.call(ids);
    }

    private static TemporaryFolder Copy()
    {
        TemporaryFolder folder = new();
        foreach (string name in new[] { "config.json", "model.safetensors", "tokenizer.bin" })
            File.Copy(Path.Combine(Source, name), folder.File(name));
        return folder;
    }

    private static void Split(TemporaryFolder folder)
    {
        string name = folder.File("model.safetensors");
        Dictionary<string, string> map = [];
        using (SafeTensorsFile file = SafeTensors.Open(name))
        {
            foreach (string shard in new[] { "model-1.safetensors", "model-2.safetensors" })
            {
                SafeTensorInfo[] part = [.. file.Tensors.Where((_, i) => i % 2 == shard[6] - '1')];
                SafeTensors.Save(folder.File(shard), part.Select(t => KeyValuePair.Create(t.Name, file.ToTensor(t.Name))));
                foreach (SafeTensorInfo tensor in part)
                    map.Add(tensor.Name, shard);
            }
        }
        File.Delete(name);
        folder.Write(WeightFiles.IndexFile, JsonSerializer.Serialize(new { metadata = new { total_size = 1 }, weight_map = map }));
    }

    private static void Rewrite(TemporaryFolder folder, Action<Dictionary<string, Tensor>> change)
    {
        Dictionary<string, Tensor> tensors;
        using (SafeTensorsFile file = SafeTensors.Open(folder.File("model.safetensors")))
            tensors = file.Tensors.ToDictionary(t => t.Name, t => file.ToTensor(t.Name));
        change(tensors);
        SafeTensors.Save(folder.File("model.safetensors"), tensors);
    }

    private static void Refused(TemporaryFolder folder, string problem) =>
        Assert.That(() => ModelPackage.Load(folder.Path), Throws.InstanceOf<ModelException>().With.Message.Contains(problem).And.Message.Contains(folder.Path));
}
