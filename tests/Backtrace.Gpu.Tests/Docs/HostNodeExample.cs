using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;

namespace Backtrace.Gpu.Tests.Docs;

/// <summary>The example of docs/architecture.md for kernels without TorchSharp.</summary>
public sealed class HostNodeExample
{
    [NUnit.Framework.Test]
    public void Runs()
    {
        using Device device = Device.Cpu(); // or Device.OpenCl(), Device.Cuda()
        HostNode layer = new(new Linear(new LinearShape(Rows: 1, Inputs: 3, Outputs: 2)))
        {
            Inputs = [new HostTensor([1, -2, 3], 1, 3)],
            Parameters = new Dictionary<string, HostTensor>
            {
                ["weight"] = new([1, 2, -1, 0.5f, -1, 2], 2, 3),
                ["bias"] = new([2, 0], 2),
            },
        };
        HostResult result = layer.Run(device, [new HostTensor([1, 0], 1, 2)]);
        Console.WriteLine($"{string.Join(", ", result.Relevance[0]!.Values)}; bias {result.Ledger[LedgerEntry.Bias][0]}"); // 0.1, 0.4, 0.3; bias 0.2

        NUnit.Framework.Assert.That(result.Relevance[0]!.Values, NUnit.Framework.Is.EqualTo(new[] { 0.1f, 0.4f, 0.3f }).Within(1e-6));
        NUnit.Framework.Assert.That(result.Ledger[LedgerEntry.Bias], NUnit.Framework.Is.EqualTo(new[] { 0.2f }).Within(1e-6));
    }
}
