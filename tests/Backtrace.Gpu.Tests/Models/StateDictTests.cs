using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Models;

public sealed class StateDictTests
{
    [Test]
    public void SavedWeightsComeBackAndTheModuleIsInEvaluationMode()
    {
        using TemporaryFolder folder = new();
        using ResNet source = ResNet.Cifar(8), copy = ResNet.Cifar(8);
        StateDict.Save(source, folder.File("w"));
        copy.train();
        StateDict.Load(copy, folder.File("w"));
        Assert.That(copy.training, Is.False);
        Dictionary<string, Tensor> back = copy.state_dict();
        foreach ((string name, Tensor value) in source.state_dict())
            Assert.That(back[name].equal(value).all().item<bool>(), name);
    }

    [Test]
    public void HalfPrecisionFilesAreWidened()
    {
        using TemporaryFolder folder = new();
        using Mlp source = new([2, 2]), copy = new([2, 2]);
        SafeTensors.Save(folder.File("w"), source.state_dict().Select(p => new KeyValuePair<string, Tensor>(p.Key, p.Value.to_type(ScalarType.BFloat16))));
        StateDict.Load(copy, folder.File("w"));
        Dictionary<string, Tensor> back = copy.state_dict();
        Assert.That(back["fc1.weight"].dtype, Is.EqualTo(ScalarType.Float32));
        Assert.That(back["fc1.weight"].allclose(source.state_dict()["fc1.weight"], 1e-2, 1e-2));
    }

    [Test]
    public void EverythingThatDoesNotFitIsListedAtOnceAndNothingIsLoaded()
    {
        using TemporaryFolder folder = new();
        using Tensor narrow = ones(4, 2), whole = ones(4, ScalarType.Int64), extra = ones(1), good = ones(2, 4);
        SafeTensors.Save(folder.File("w"), [new("fc1.weight", narrow), new("fc1.bias", whole), new("fc2.weight", good), new("fc9.weight", extra)]);
        using Mlp mlp = new([3, 4, 2]);
        Tensor before = mlp.state_dict()["fc2.weight"].clone();
        StateDictException e = Assert.Throws<StateDictException>(() => StateDict.Load(mlp, folder.File("w")))!;
        Assert.Multiple(() =>
        {
            Assert.That(e.Missing, Is.EqualTo(new[] { "fc2.bias" }));
            Assert.That(e.Unexpected, Is.EqualTo(new[] { "fc9.weight" }));
            Assert.That(e.Mismatched, Has.Count.EqualTo(2).And.Some.Contains("[4, 2] in the file, [4, 3] in the model").And.Some.Contains("I64"));
            Assert.That(e.Message, Does.Contain(folder.File("w")));
            Assert.That(mlp.state_dict()["fc2.weight"].equal(before).all().item<bool>());
        });
    }

    [TestCase(float.NaN)]
    [TestCase(float.NegativeInfinity)]
    public void NonFiniteWeightsAreRefused(float bad)
    {
        using TemporaryFolder folder = new();
        using Mlp mlp = new([3, 4, 2]);
        Dictionary<string, Tensor> state = mlp.state_dict().ToDictionary(p => p.Key, p => p.Value.detach().clone());
        state["fc2.weight"][1, 2] = bad;
        SafeTensors.Save(folder.File("w"), state);
        SafeTensorsException e = Assert.Throws<SafeTensorsException>(() => StateDict.Load(mlp, folder.File("w")))!;
        Assert.That(e.Tensor, Is.EqualTo("fc2.weight"));
    }

    [Test]
    public void ANegativeVarianceIsRefused()
    {
        using TemporaryFolder folder = new();
        using ResNet net = ResNet.Cifar(8);
        Dictionary<string, Tensor> state = net.state_dict().ToDictionary(p => p.Key, p => p.Value.detach().clone());
        state["layer2.0.bn1.running_var"][3] = -0.5f;
        SafeTensors.Save(folder.File("w"), state);
        StateDictException e = Assert.Throws<StateDictException>(() => StateDict.Load(net, folder.File("w")))!;
        Assert.That(e.Message, Does.Contain("layer2.0.bn1.running_var: holds a negative variance"));
    }

    [Test]
    public void AMissingFileIsAModelProblem()
    {
        using Mlp mlp = new([1, 1]);
        Assert.That(() => StateDict.Load(mlp, "/nowhere/w"), Throws.InstanceOf<ModelException>().With.Message.Contains("/nowhere/w"));
    }
}
