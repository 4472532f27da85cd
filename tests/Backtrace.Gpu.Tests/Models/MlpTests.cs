using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Models;

public sealed class MlpTests
{
    [Test]
    public void MnistMlpReadsHandwriting()
    {
        using ModelPackage model = ModelPackage.Load("mnist-mlp");
        ImagePreprocessing preprocessing = (ImagePreprocessing)model.Description.Preprocessing;
        IdxImages images = IdxImages.Read(Assets.Path("mnist", "t1000-images-idx3-ubyte"), Assets.Path("mnist", "t1000-labels-idx1-ubyte"));
        using IDisposable inference = no_grad();
        int right = 0;
        for (int i = 0; i < images.Count; i++)
        {
            using ImageInput image = preprocessing.FromGrey($"{i}", images.Pixels(i));
            using Tensor logits = model.Module.call(image.Values), best = logits.argmax();
            right += best.item<long>() == images.Label(i) ? 1 : 0;
        }
        TestContext.Out.WriteLine($"{right} of {images.Count}");
        Assert.That(right / (double)images.Count, Is.EqualTo(0.927).Within(0.02), "92.7 % is known for 3,000 images, of which these are the first");
    }

    [Test]
    public void APngAndTheSamePixelsRawGiveTheSameInput()
    {
        ImagePreprocessing preprocessing = new(28, 28, 1, [0], [1], Flatten: true);
        using ImageInput png = preprocessing.Read(Assets.Path("mnist", "mnist_00_7.png"));
        byte[] grey = [.. png.Rgb.ToArray().Where((_, i) => i % 3 == 0)];
        using ImageInput raw = preprocessing.FromGrey("raw", grey);
        Assert.That(png.Values.shape, Is.EqualTo(new long[] { 1, 784 }));
        Assert.That(png.Values.data<float>().ToArray(), Is.EqualTo(raw.Values.data<float>().ToArray()));
        Assert.That(png.Values.max().item<float>(), Is.EqualTo(1f).Within(0.02));
    }

    [Test]
    public void PixelsOfAnotherKindOrNumberAreRefused()
    {
        ImagePreprocessing grey = new(2, 2, 1, [0], [1]), colour = new(2, 2, 3, [0, 0, 0], [1, 1, 1]);
        Assert.That(() => colour.FromGrey("grey", new byte[4]), Throws.TypeOf<InvalidInputException>().With.Message.Contains("has 4 grey pixels, the model takes 3 x 2 x 2"));
        Assert.That(() => grey.FromGrey("long", new byte[5]), Throws.TypeOf<InvalidInputException>().With.Message.Contains("has 5 grey pixels, the model takes 1 x 2 x 2"));
        Assert.That(() => grey.FromRgb("colour", new byte[12]), Throws.TypeOf<InvalidInputException>().With.Message.Contains("has 4 colour pixels, the model takes 1 x 2 x 2"));
        Assert.That(() => colour.FromRgb("short", new byte[9]), Throws.TypeOf<InvalidInputException>().With.Message.Contains("has 3 colour pixels"));
    }

    [Test]
    public void LayersCarryTheGivenNamesAndActivationsHaveNoParameters()
    {
        using Mlp mlp = new([3, 4, 2], Activation.Tanh, Activation.Softmax, ["hidden", "out"]);
        Assert.That(mlp.state_dict().Keys, Is.EquivalentTo(new[] { "hidden.weight", "hidden.bias", "out.weight", "out.bias" }));
        Assert.That(mlp.named_children().Select(c => c.name), Is.EqualTo(new[] { "hidden", "hidden_activation", "out", "out_activation" }));
        using Tensor input = ones(5, 3), output = mlp.call(input), sums = output.sum(1);
        Assert.That(sums.data<float>().ToArray(), Is.All.EqualTo(1f).Within(1e-6));
    }

    [Test]
    public void ForwardEqualsTheMatricesWrittenOut()
    {
        using Mlp mlp = new([3, 4, 2]);
        Dictionary<string, Tensor> w = mlp.state_dict();
        using Tensor input = randn(5, 3), output = mlp.call(input);
        using Tensor expected = (input.matmul(w["fc1.weight"].t()) + w["fc1.bias"]).clamp_min(0).matmul(w["fc2.weight"].t()) + w["fc2.bias"];
        Assert.That(output.allclose(expected, 1e-6, 1e-6));
    }

    [Test]
    public void ImpossibleShapesAreRefused() => Assert.Multiple(() =>
    {
        Assert.That(() => new Mlp([3]), Throws.ArgumentException);
        Assert.That(() => new Mlp([3, 2], layers: ["a", "b"]), Throws.ArgumentException);
    });
}
