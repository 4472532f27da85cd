using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Targets;
using NUnit.Framework;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Tests.Runs;

public sealed class ContractionLibraryTests
{
    private static readonly ContractionLibrary[] OfTheCpu = [ContractionLibrary.Auto, ContractionLibrary.Managed, ContractionLibrary.Torch];

    [Test]
    public void AllLibrariesGiveTheSameRelevanceOfAnMlp([Values] ContractionPrecision precision)
    {
        using ModelPackage model = ModelPackage.Load("mnist-mlp");
        random.manual_seed(5);
        using Tensor input = rand(4, 784);
        Compare(model.Module, input, precision);
    }

    [Test]
    public void AllLibrariesGiveTheSameRelevanceOfAConvolutionalNetwork([Values] ContractionPrecision precision)
    {
        random.manual_seed(6);
        using TorchSharp.Modules.Sequential model = Sequential(
            ("conv1", Conv2d(3, 8, 3, stride: 2, padding: 1)),
            ("relu1", ReLU()),
            ("conv2", Conv2d(8, 12, (3L, 5L), padding: (0L, 2L), dilation: (1L, 1L), groups: 4)),
            ("relu2", ReLU()),
            ("flatten", Flatten()),
            ("fc", Linear(12 * 6 * 8, 5)));
        using Tensor input = randn(3, 3, 16, 16);
        Compare(model, input, precision);
    }

    [Test]
    public void ShapesThatGoToLibtorchGiveTheSameRelevance()
    {
        random.manual_seed(7);
        using TorchSharp.Modules.Sequential dense = Sequential(("fc1", Linear(512, 2048)), ("relu", ReLU()), ("fc2", Linear(2048, 3)));
        using Tensor rows = randn(128, 512);
        Compare(dense, rows, ContractionPrecision.Single);
        using TorchSharp.Modules.Sequential convolution = Sequential(("conv", Conv2d(512, 128, 1)), ("relu", ReLU()), ("flatten", Flatten()), ("fc", Linear(128 * 144, 3)));
        using Tensor maps = randn(2, 512, 12, 12);
        Compare(convolution, maps, ContractionPrecision.Single);
    }

    [Test]
    public void ALibraryOfOtherDevicesIsRefused()
    {
        using TorchSharp.Modules.Linear model = Linear(3, 2);
        BacktracerOptions options = new() { ContractionLibrary = ContractionLibrary.Tiled };
        Assert.That(() => new Backtracer(model, options: options), Throws.TypeOf<DeviceException>().With.Message.Contains("ContractionLibrary.Auto"));
    }

    private static void Compare(Module model, Tensor input, ContractionPrecision precision)
    {
        model.eval();
        float[] exact = Explain(model, input, ContractionLibrary.Managed, ContractionPrecision.Single);
        double scale = exact.Max(Math.Abs), tolerance = precision == ContractionPrecision.Single ? 1e-5 : 1e-2;
        foreach (ContractionLibrary library in OfTheCpu)
        {
            float[] relevance = Explain(model, input, library, precision);
            Assert.That(relevance.Zip(exact, (a, b) => Math.Abs(a - b)).Max(), Is.LessThan(tolerance * scale), $"{library}");
            Assert.That(relevance.Sum(), Is.EqualTo(exact.Sum()).Within(tolerance * exact.Sum(Math.Abs)), $"{library}");
        }
    }

    private static float[] Explain(Module model, Tensor input, ContractionLibrary library, ContractionPrecision precision)
    {
        using Backtracer backtracer = new(model, options: new BacktracerOptions { ContractionLibrary = library, Precision = precision });
        using Explanation explanation = backtracer.Explain(input, Target.Argmax());
        return explanation.Input.data<float>().ToArray();
    }
}
