using Backtrace.Gpu.Interop;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Interop;

public sealed class OneDnnTests
{
    [Test]
    public void ConvolutionsAreRightOnceItWasLookedAt()
    {
        OneDnn.EnsureRight();
        Assert.That(OneDnn.ComputesRight());
    }

    [Test]
    public void IsAllowedUnlessItIsWrong() => Assert.That(OneDnn.IsEnabled, Is.Not.EqualTo(OneDnn.IsSwitchedOff));
}
