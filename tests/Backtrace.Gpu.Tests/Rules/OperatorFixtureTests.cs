using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>Every golden operator case, of both modes, whose rule is one kernel-level operation, run on the rule itself, on every device.</summary>
public sealed class OperatorFixtureTests
{
    private static IEnumerable<TestCaseData> Cases() =>
        from mode in new[] { "default", "contrastive" }
        from name in Fixtures.Cases(mode).Select(name => $"{name}.{mode}")
        where IsCovered(name)
        from device in TestDevices.All.Append("cublas")
        select new TestCaseData(name, device);

    [TestCaseSource(nameof(Cases))]
    public void MatchesTheReference(string name, string device)
    {
        using SafeTensorsFile file = Open(name);
        OperatorFixtureResult result = new OperatorFixture(file).Run(TestDevices.Get(device));
        TestContext.Out.WriteLine($"{name} on {device}: {result.Worst:E1}");
        Assert.That(result.Faults, Is.Empty);
    }

    // In contrastive mode units that are nearly tied may take the other branch.
    [TestCaseSource(nameof(RoundedCases))]
    public void RoundedOperandsAreNearTheReference(string name)
    {
        using SafeTensorsFile file = Open(name);
        OperatorFixtureResult result = new OperatorFixture(file).Run(TestDevices.Get("cublas"), ContractionPrecision.BFloat16);
        Assert.That(result.Faults, Is.Empty);
    }

    private static IEnumerable<string> RoundedCases() => Fixtures.Cases("default").Select(name => name + ".default").Where(IsCovered);

    private static bool IsCovered(string name)
    {
        using SafeTensorsFile file = Open(name);
        return new OperatorFixture(file).IsCovered;
    }

    private static SafeTensorsFile Open(string name) => SafeTensors.Open(Fixtures.Path("ops", name + ".safetensors"));
}
