using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Contraction;

[TestFixture(8)]
[TestFixture(16)]
public sealed class CpuContractionTests(int lanes) : ContractionTests
{
    [Test]
    public void Rows_do_not_depend_on_their_neighbours([Values(20, 64)] int rows)
    {
        var all = new LinearShape(rows, 130, 70);
        float[] together = RunLinear(all, 0, rows, Workers.ThreadPool, false);
        float[] apart = RunLinear(all, 5, 11, Workers.Single, false);
        Assert.That(apart, Is.EqualTo(together[(5 * 70)..(16 * 70)]));
        together = RunLinear(all, 0, rows, Workers.ThreadPool, true);
        for (int count = 1; count < 10; count++)
            Assert.That(RunLinear(all, 5, count, Workers.Single, true), Is.EqualTo(together[(5 * 130)..((5 + count) * 130)]));
    }

    [Test]
    public void Few_rows_do_not_depend_on_their_neighbours()
    {
        var all = new LinearShape(CpuRows.Most, 130, 70);
        float[] together = RunLinear(all, 0, CpuRows.Most, Workers.ThreadPool, false);
        for (int row = 0; row < CpuRows.Most; row++)
            Assert.That(RunLinear(all, row, 1, Workers.Single, false), Is.EqualTo(together[(row * 70)..((row + 1) * 70)]));
    }

    [Test]
    public void Products_do_not_depend_on_their_neighbours([Values] bool transposed)
    {
        var all = new ProductShape(9, 50, 70, 60) { TransposedA = transposed, TransposedB = transposed };
        var random = new Random(4);
        using var a = Random(random, 9 * 50 * 60);
        using var b = Random(random, 9 * 60 * 70);
        float[] Run(int from, int count, Workers workers)
        {
            using var c = new HostFloats(count * 50 * 70);
            using var contraction = Create(workers, ContractionPrecision.Single);
            contraction.Products(all with { Batch = count }, Operand.Abs(a.View.SubView(from * 3000)), Operand.Of(b.View.SubView(from * 4200)), c.View, default(NoEpilogue));
            return c.ToArray();
        }

        float[] together = Run(0, 9, new EagerWorkers(4));
        Assert.That(Run(4, 1, new EagerWorkers(4)), Is.EqualTo(together[(4 * 3500)..(5 * 3500)]));
        Assert.That(Run(4, 3, Workers.Single), Is.EqualTo(together[(4 * 3500)..(7 * 3500)]));
    }

    private protected override IEnumerable<(IContraction Contraction, IDisposable Owner)> Create(ContractionPrecision precision)
    {
        foreach (Workers workers in new[] { Workers.Single, new EagerWorkers(2), new EagerWorkers(5) })
        {
            CpuContraction contraction = Create(workers, precision);
            yield return (contraction, contraction);
        }
    }

    private CpuContraction Create(Workers workers, ContractionPrecision precision) =>
        new(workers, precision) { Tile = lanes == 8 ? CpuTile.Medium : CpuTile.Wide };

    private float[] RunLinear(LinearShape all, int row, int count, Workers workers, bool transposed)
    {
        int from = transposed ? all.Outputs : all.Inputs, to = transposed ? all.Inputs : all.Outputs;
        var random = new Random(3);
        using var x = Random(random, all.Rows * from);
        using var w = Random(random, all.Outputs * all.Inputs);
        using var y = new HostFloats(count * to);
        using var contraction = Create(workers, ContractionPrecision.Single);
        var shape = all with { Rows = count };
        var part = Operand.Abs(x.View.SubView(row * from, count * from));
        if (transposed)
            contraction.LinearTransposed(shape, part, Operand.Abs(w.View), y.View, default(NoEpilogue));
        else
            contraction.Linear(shape, part, Operand.Abs(w.View), Operand.None, y.View, default(NoEpilogue));
        return y.ToArray();
    }
}
