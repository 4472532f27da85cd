using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>Convolutions whose windows tile the input, which are computed as products where that is faster: against torch in double precision.</summary>
public sealed class PatchConvolutionTests
{
    private static IEnumerable<string> Devices => TestDevices.All;

    [Test]
    public void AgreesWithTorch([Values(1, 2, 4, 5)] int window, [Values(1, 2)] int depth, [Values(Saturation.None, Saturation.Tanh)] Saturation saturation, [ValueSource(nameof(Devices))] string device)
    {
        Random random = new(window);
        Size3 kernel = new(1, window, Math.Max(1, window - 1)), output = new(depth, 3, 2), input = new(depth, 3 * kernel.H, 2 * kernel.W);
        ConvolutionShape shape = new(2, 3, 5, 1, input, output, kernel, kernel, default, new(1, 1, 1));
        Values weight = Values.Of([5, 3, 1, kernel.H, kernel.W], _ => random.NextSingle() * 2 - 1), bias = Values.Of([5], _ => random.NextSingle() - 0.5f);
        torch.Tensor Forward(torch.Tensor x, bool isAbsolute)
        {
            torch.Tensor w = RuleCase.ToTensor(weight), b = RuleCase.ToTensor(bias);
            return torch.nn.functional.conv3d(x, isAbsolute ? w.abs() : w, isAbsolute ? b.abs() : b, strides: [1, kernel.H, kernel.W]);
        }

        using var scope = torch.NewDisposeScope();
        RuleCase made = new(new Convolution(shape, 3), Oracle.Proportional, x => [Forward(x[0], isAbsolute: true)], [2, 3, input.D, input.H, input.W]);
        Node node = made.Node(random) with { Parameters = new() { ["weight"] = weight, ["bias"] = bias }, Saturation = saturation };

        // No unit is far enough out for the test of saturation to silence anything.
        node = node with { Output = new Values([.. Forward(RuleCase.ToTensor(node.Inputs[0]), isAbsolute: false).to(torch.float32).data<float>()], node.OutputShapes![0]) };
        float beyond = node.Output.Data.Max(Math.Abs);
        node = node with { Inputs = [node.Inputs[0] with { Data = [.. node.Inputs[0].Data.Select(v => v / beyond)] }] };
        node = node with { Output = new Values([.. Forward(RuleCase.ToTensor(node.Inputs[0]), isAbsolute: false).to(torch.float32).data<float>()], node.OutputShapes![0]) };
        Outcome outcome = RuleRunner.Run(TestDevices.Get(device), node);
        Assert.That(Deviation.Of(outcome.Relevance[0]!.Data, [.. made.Expected(node)[0].Select(v => (float)v)]), Is.LessThanOrEqualTo(1e-5));
        Assert.That(outcome.Total, Is.EqualTo(node.Relevance[0]!.Sum).Within(1e-5 * node.Relevance[0]!.Sum));
    }
}
