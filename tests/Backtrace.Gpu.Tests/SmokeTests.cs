using NUnit.Framework;
namespace Backtrace.Gpu.Tests;
public class SmokeTests { [Test] public void Torch() => Assert.That(TorchSharp.torch.ones(2).sum().item<float>(), Is.EqualTo(2f)); }
