using Backtrace.Gpu.Kernels.Execution;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Kernels;

internal sealed class DeviceMathTests
{
    [Test]
    public void Exp_is_accurate_to_two_ulps()
    {
        double worst = 0;
        for (float x = -87; x < 88; x += 0.00137f)
            worst = Math.Max(worst, Math.Abs(DeviceMath.Exp(x) / Math.Exp(x) - 1));
        Assert.That(worst, Is.LessThan(2.4e-7));
        Assert.That(DeviceMath.Exp(0), Is.EqualTo(1f));
        Assert.That(DeviceMath.Exp(-1e30f), Is.InRange(0, 1.3e-38f));
        Assert.That(float.IsFinite(DeviceMath.Exp(1e30f)));
    }
}
