using Backtrace.Gpu.Kernels.Execution;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Kernels;

internal sealed class DeviceListTests
{
    [Test]
    public void Lists_devices_that_open()
    {
        foreach (DeviceInfo info in DeviceList.All)
        {
            TestContext.Progress.WriteLine($"{info.Id}: {info.Name}, {info.MemoryBytes >> 20} MiB {info.Obstacle}");
            if (info.Obstacle != null)
                continue;
            using Device device = Device.Parse(info.Id);
            Assert.That(device.Kind, Is.EqualTo(info.Kind));
            Assert.That(DeviceList.MeasureCopyBandwidth(device, 4), Is.GreaterThan(0.01).And.LessThan(1e5));
        }

        Assert.That(DeviceList.All[^1].Id, Is.EqualTo("cpu"));
    }

    [TestCase("")]
    [TestCase("gpu")]
    [TestCase("cpu:0")]
    [TestCase("opencl:")]
    [TestCase("cuda:-1")]
    [TestCase("cuda:0:1")]
    public void Refuses_what_is_no_device(string text) =>
        Assert.That(() => Device.Parse(text), Throws.TypeOf<DeviceException>().With.Message.Contains("cpu, opencl:0 or cuda:0"));

    [TestCase("opencl:77")]
    [TestCase("cuda:77")]
    public void Says_how_many_devices_there_are(string text) =>
        Assert.That(() => Device.Parse(text), Throws.TypeOf<DeviceException>().With.Message.Contains("found"));
}
