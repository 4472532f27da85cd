using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Runs;
using Backtrace.Gpu.Tests.Ptx;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Contraction;

/// <summary>A copy of cuBLAS that computes something else is not used, and people are told.</summary>
internal sealed class CuBlasChoiceTests
{
    [Test]
    public void ComputesWhatItCanAndNoMore()
    {
        CuBlasDouble cuBlas = new();
        using Device device = Device.EmulatedCuda(new PtxEmulator(), cuBlas.Library());
        using Arena arena = new(device);
        using CuBlasContraction contraction = (CuBlasContraction)Contractions.Create(device, arena, ContractionPrecision.BFloat16, ContractionLibrary.Auto);
        var x = arena.Upload(DeviceFloats.Random(100, 1));
        int OfCuBlas(Action run)
        {
            int before = cuBlas.Products;
            run();
            return cuBlas.Products - before;
        }

        Size3 one = new(1, 1, 1);
        ConvolutionShape convolution = new(5, 4, 5, 1, one, one, one, one, new(0, 0, 0), one);
        Assert.That(OfCuBlas(() => contraction.Linear(new(5, 4, 5), Operand.Of(x), Operand.Of(x), Operand.None, arena.Blank(25), default(NoEpilogue))), Is.EqualTo(1));
        Assert.That(OfCuBlas(() => contraction.LinearTransposed(new(5, 4, 5), Operand.Of(x), Operand.Of(x), arena.Blank(20), default(NoEpilogue))), Is.EqualTo(1));
        Assert.That(OfCuBlas(() => contraction.Products(new(2, 2, 3, 4), Operand.Of(x), Operand.Of(x), arena.Blank(12), default(NoEpilogue))), Is.EqualTo(1));
        Assert.That(OfCuBlas(() => contraction.Linear(new(4, 4, 5), Operand.Of(x), Operand.Of(x), Operand.None, arena.Blank(20), default(NoEpilogue))), Is.Zero);
        Assert.That(OfCuBlas(() => contraction.Convolution(convolution, Operand.Of(x), Operand.Of(x), Operand.None, arena.Blank(25), default(NoEpilogue))), Is.Zero);
    }

    [TestCase(CuBlasFault.None, true, true)]
    [TestCase(CuBlasFault.NoBFloat16, true, false)]
    [TestCase(CuBlasFault.NoHandle, false, false)]
    [TestCase(CuBlasFault.Tf32, false, false)]
    [TestCase(CuBlasFault.RoundedResults, false, false)]
    [TestCase(CuBlasFault.NoBeta, false, false)]
    [TestCase(CuBlasFault.NoStrides, false, false)]
    [TestCase(CuBlasFault.NoMemory, false, false)]
    public void OnlyWhatIsRightIsUsed(CuBlasFault fault, bool servesSingle, bool servesBFloat16)
    {
        CuBlasDouble cuBlas = new(fault);
        using Device device = Device.EmulatedCuda(new PtxEmulator(), cuBlas.Library());
        using Arena arena = new(device);
        IContraction single = Contractions.Create(device, arena, ContractionPrecision.Single, ContractionLibrary.Auto);
        Assert.That(single, Is.TypeOf(servesSingle ? typeof(CuBlasContraction) : typeof(TiledContraction)));
        (single as IDisposable)?.Dispose();
        if (servesBFloat16)
            ((IDisposable)Contractions.Create(device, arena, ContractionPrecision.BFloat16, ContractionLibrary.Auto)).Dispose();
        else
            Assert.That(() => Contractions.Create(device, arena, ContractionPrecision.BFloat16, ContractionLibrary.Auto), Throws.TypeOf<DeviceException>().With.Message.Contains("cuBLAS").And.Message.Contains("use fp32"));
        Assert.That(cuBlas.Handles, Is.Zero);
        Assert.That(arena.LentBytes, Is.Zero);
    }

    [TestCase(CuBlasFault.None, "cuBLAS 12.13.14, fp32 and bf16")]
    [TestCase(CuBlasFault.NoBFloat16, "cuBLAS 12.13.14, fp32; no bf16: ")]
    [TestCase(CuBlasFault.Tf32, "ILGPU kernels, fp32; cuBLAS 12.13.14 is of no use: its products of fp32 operands are not right")]
    [TestCase(CuBlasFault.NoHandle, "ILGPU kernels, fp32; cuBLAS is of no use: ")]
    public void PeopleAreTold(CuBlasFault fault, string text)
    {
        CuBlasDouble cuBlas = new(fault);
        using Device device = Device.EmulatedCuda(new PtxEmulator(), cuBlas.Library());
        Assert.That(CuBlasContraction.Describe(device), Does.StartWith(text));
        Assert.That(cuBlas.Handles, Is.Zero);
    }

    [Test]
    public void TheNextCopyIsTried()
    {
        CuBlasDouble first = new(CuBlasFault.NoHandle), second = new();
        using Device device = Device.EmulatedCuda(new PtxEmulator(), first.Library(), second.Library());
        using Arena arena = new(device);
        using CuBlasContraction? contraction = CuBlasContraction.TryCreate(device, arena, ContractionPrecision.Single, out string obstacle);
        Assert.That(contraction, Is.Not.Null);
        Assert.That(obstacle, Is.Empty);
        Assert.That(second.Handles, Is.EqualTo(1));
    }

    [Test]
    public void WithoutACopyKernelsServe()
    {
        using Device device = Device.EmulatedCuda(new PtxEmulator());
        using Arena arena = new(device);
        Assert.That(Contractions.Create(device, arena, ContractionPrecision.Single, ContractionLibrary.Auto), Is.TypeOf<TiledContraction>());
        Assert.That(() => Contractions.Create(device, arena, ContractionPrecision.BFloat16, ContractionLibrary.Auto), Throws.TypeOf<DeviceException>().With.Message.Contains("cuBLAS was not found"));
        Assert.That(CuBlasContraction.Describe(device), Is.EqualTo("ILGPU kernels, fp32; cuBLAS was not found"));
    }

    [Test]
    public void KernelsCanBeAskedFor()
    {
        using Device device = Device.EmulatedCuda(new PtxEmulator(), new CuBlasDouble().Library());
        using Arena arena = new(device);
        Assert.That(Contractions.Create(device, arena, ContractionPrecision.Single, ContractionLibrary.Tiled), Is.TypeOf<TiledContraction>());
        Assert.That(() => Contractions.Create(device, arena, ContractionPrecision.BFloat16, ContractionLibrary.Tiled), Throws.TypeOf<DeviceException>().With.Message.Contains("ContractionLibrary.Auto"));
    }

    [Test]
    public void ADeviceMayGoFirst()
    {
        CuBlasDouble cuBlas = new();
        Device device = Device.EmulatedCuda(new PtxEmulator(), cuBlas.Library());
        Arena arena = new(device);
        IDisposable contraction = (IDisposable)Contractions.Create(device, arena, ContractionPrecision.Single, ContractionLibrary.Auto);
        arena.Dispose();
        device.Dispose();
        Assert.That(contraction.Dispose, Throws.Nothing);
        Assert.That(cuBlas.Handles, Is.EqualTo(1), "the handle went with its context");
    }

    [Test]
    public void ACopyWithoutAFunctionIsNone() => Assert.That(() => new CuBlasDouble(CuBlasFault.NoFunction).Library(), Throws.TypeOf<EntryPointNotFoundException>());
}
