using System.Globalization;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Targets;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Perf.Cases;

/// <summary>A model in evaluation mode with one batch of input.</summary>
internal sealed class Case : IDisposable
{
    private readonly IDisposable owner;
    private readonly GradientTimesInput gradient;

    private Case(string name, Module<Tensor, Tensor> model, IDisposable owner, long[] shape)
    {
        Name = name;
        Model = model;
        this.owner = owner;
        model.eval();
        foreach (TorchSharp.Modules.Parameter parameter in model.parameters())
            parameter.requires_grad = false;
        random.manual_seed(20);
        Input = randn(shape, model.parameters().First().dtype).DetachFromDisposeScope();
        gradient = new GradientTimesInput(model);
    }

    public string Name { get; }

    public Module<Tensor, Tensor> Model { get; }

    public Tensor Input { get; }

    /// <summary>A case by its name and batch size: resnet20/32, resnet56/1, lending/4096, mnist/64, wide/64, lstm/32; for bert, llama and llama-bf16 the number of tokens, bert/128; <see cref="FurtherNetworks"/>.</summary>
    public static Case Create(string name)
    {
        string[] parts = name.Split('/');
        if (parts.Length != 2 || !long.TryParse(parts[1], CultureInfo.InvariantCulture, out long batch) || batch < 1)
            throw new ArgumentException($"'{name}' is no case: give a model and a batch size, such as resnet20/32.");
        random.manual_seed(1);
        (Module<Tensor, Tensor> Model, long[] Shape)? made = parts[0] switch
        {
            "wide" => (new Mlp(Enumerable.Repeat(1024, 9).ToArray()), [batch, 1024]),
            "bert" => (new EncoderStack(12, 768, 12, 3072), [1, batch, 768]),
            "llama" => (new DecoderStack(16, 2048, 32, 8, 8192), [1, batch, 2048]),
            "llama-bf16" => (new DecoderStack(16, 2048, 32, 8, 8192).to(bfloat16), [1, batch, 2048]),
            "lstm" => (new RecurrentStack(2, 256), [batch, 128, 256]),
            var other => FurtherNetworks.Of(other, batch),
        };
        if (made is { } own)
            return new Case(name, own.Model, own.Model, own.Shape);

        ModelPackage package = ModelPackage.Load(parts[0] switch { "lending" => "lending-mlp", "mnist" => "mnist-mlp", var other => other });
        long[] shape = package.Description.Architecture is MlpArchitecture mlp ? [batch, mlp.Sizes[0]] : [batch, 3, 32, 32];
        return new Case(name, package.Module, package, shape);
    }

    /// <summary>The forward pass as it is without explanation.</summary>
    public void Forward()
    {
        using var quiet = no_grad();
        using Tensor output = Model.call(Input);
    }

    /// <summary>The yardstick.</summary>
    public void Gradient()
    {
        using Tensor relevance = gradient.Explain(Input);
    }

    /// <summary>What is measured: called and disposed as a user would.</summary>
    public void Explain(Backtracer backtracer)
    {
        using Explanation explanation = backtracer.Explain(Input, Target.Argmax());
    }

    public void Dispose()
    {
        Input.Dispose();
        owner.Dispose();
    }
}
