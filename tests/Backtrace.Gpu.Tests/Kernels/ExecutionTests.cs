using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Tests.Support;
using ILGPU;
using NUnit.Framework;
using Device = Backtrace.Gpu.Kernels.Execution.Device;

namespace Backtrace.Gpu.Tests.Kernels;

/// <summary>The kernels that every rule builds on, on every device of this machine.</summary>
[TestFixtureSource(nameof(Devices))]
internal sealed class ExecutionTests(string deviceId)
{
    // The last: whole blocks for each thread, and one entry more.
    private static readonly int[] Lengths = [1, 7, 8, 255, 256, 257, 4096, 40_001, 64 * 600 * Environment.ProcessorCount + 1];

    private readonly Device device = TestDevices.Get(deviceId);

    private static IEnumerable<string> Devices() => ["cpu", .. TestDevices.Compiled];

    [OneTimeSetUp]
    public void Says_which_device() => TestContext.Progress.WriteLine($"{deviceId}: {device.Name}");

    [TestCaseSource(nameof(Lengths))]
    public void Memory_travels_there_and_back(int length)
    {
        using Arena arena = new(device);
        float[] values = DeviceFloats.Random(length, 1);
        ArrayView<float> view = arena.Upload(values), other = arena.Blank(length);
        device.CopyMemory(view, other);
        Assert.That(device.Download(view), Is.EqualTo(values));
        Assert.That(device.Download(other), Is.EqualTo(values));
    }

    [TestCaseSource(nameof(Lengths))]
    public void Fills_and_accumulates(int length)
    {
        using Arena arena = new(device);
        float[] values = DeviceFloats.Random(length, 1);
        ArrayView<float> source = arena.Upload(values), target = arena.Blank(length + 3);
        device.Run(new Fill { Target = target, Value = 2 }, length);
        device.Run(new Accumulate { Source = source, Target = target }, length);
        float[] got = device.Download(target);
        Assert.That(got[..length], Is.EqualTo(values.Select(v => v + 2)));
        Assert.That(got[length..], Is.All.NaN, "written beyond the end");
        device.Run(new Copy { Source = source, Target = target }, length);
        Assert.That(device.Download(target)[..length], Is.EqualTo(values));
    }

    [Test]
    public void Sums_rows([Values(1, 3)] int rows, [Values(1, 5, 31, 33, 500, 4096, 9001, 40_001)] int length)
    {
        using Arena arena = new(device);
        float[] values = DeviceFloats.Random(rows * length, 1), weights = DeviceFloats.Random(rows * length, 2);
        ArrayView<float> view = arena.Upload(values), weight = arena.Upload(weights), scratch = arena.Blank(RowSums.ScratchLength(rows, length));
        double[] Sums(Func<int, double> term) => [.. Enumerable.Range(0, rows).Select(r => 1 + Enumerable.Range(r * length, length).Sum(term))];
        void Check<TTerm>(TTerm term, Func<int, double> expected)
            where TTerm : struct, ITerm
        {
            ArrayView<float> sums = arena.Upload([.. Enumerable.Repeat(1f, rows)]);
            RowSums.Add(device, term, rows, length, sums, scratch);
            Assert.That(device.Download(sums), Is.EqualTo(Sums(expected)).Within(1e-6 * length + 1e-6));
        }

        Check(new ValueTerm { Values = view }, i => values[i]);
        Check(new AbsoluteTerm { Values = view }, i => Math.Abs(values[i]));
        Check(new ProductTerm { Values = view, Weights = weight }, i => values[i] * (double)Math.Abs(weights[i]));
        Check(new WhereZeroTerm { Values = view, Test = arena.Upload([.. values.Reverse()]) }, i => values[^(i + 1)] == 0 ? values[i] : 0);
    }

    [Test]
    public void Sums_what_biases_take([Values(1, 3)] int rows, [Values(1, 300)] int depth, [Values(1, 33, 128, 1000)] int units)
    {
        using Arena arena = new(device);
        float[] coefficients = DeviceFloats.Random(rows * depth * units, 1), bias = DeviceFloats.Random(units, 2);
        ArrayView<float> sums = arena.Upload([.. Enumerable.Repeat(1f, rows)]);
        ArrayView<float> scratch = arena.Blank(BiasSums.ScratchLength(rows, (long)depth * units, units));
        BiasSums.Add(device, arena.Upload(coefficients), Operand.Abs(arena.Upload(bias)), rows, sums, scratch);
        double[] expected = [.. Enumerable.Range(0, rows).Select(r => 1 + Enumerable.Range(r * depth * units, depth * units).Sum(i => (double)coefficients[i] * Math.Abs(bias[i % units])))];
        Assert.That(device.Download(sums), Is.EqualTo(expected).Within(1e-6 * depth * units + 1e-6));
    }
}
