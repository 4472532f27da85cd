using System.Text.RegularExpressions;
using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Kernels;

/// <summary>Every kernel compiles for NVIDIA GPUs and for OpenCL, to code that does what the C# says.</summary>
internal sealed partial class LoweringTests
{
    private static IEnumerable<TestCaseData> Kernels() =>
        KernelInstances.All.Select(k => new TestCaseData(k).SetArgDisplayNames(KernelInstances.Name(k)));

    [Test]
    public void Finds_the_kernels() =>
        Assert.That(KernelInstances.All.Select(KernelInstances.Name), Is.SupersetOf(new[] { "Fill", "Accumulate", "RowSums.PartialSums", "ChunkSums<ValueTerm>", "Coefficient" }));

    [TestCaseSource(nameof(Kernels))]
    public void Lowers_to_ptx(Type kernel)
    {
        string ptx = Lowering.ToPtx(KernelInstances.EntryPoint(kernel));
        Assert.Multiple(() =>
        {
            Assert.That(ptx, Does.Contain(".visible .entry"));
            Assert.That(ptx, Does.Not.Contain(".extern"), "calls what does not exist");
            Assert.That(Calls().Matches(ptx).Select(m => m.Groups[1].Value).Where(name => !Regex.IsMatch(ptx, $@"\.func[^;{{]*\b{name}\b")), Is.Empty, "calls what is not defined");
            Assert.That(ptx, Does.Not.Contain("copysign").IgnoreCase, "wrong in ILGPU");
            Assert.That(ptx, Does.Not.Contain(".local"), "keeps values in memory instead of registers");
            Assert.That(ptx, Does.Not.Match(@"cvta\.(shared|local)"), "takes the address of memory that is not global");
            Assert.That(ptx, Does.Not.Match("0f0000000[1-9a-f]"), "an integer's bits as a float: ILGPU miscompiles 'condition ? 1 : 0' where a float is meant, write 1f : 0f");
            Assert.That(GenericAccess().Matches(ptx).Select(m => m.Value.Trim()), Is.Empty, "memory of unknown kind");
            Assert.That(ptx, Does.Not.Contain(".f64"), "double precision by accident");
            Assert.That(Fusible().IsMatch(ptx), Is.False.Or.EqualTo(typeof(IGroupKernel).IsAssignableFrom(kernel)), "products that drivers may fuse with a sum");
            if (PtxAssembler.Program is { } assembler)
                Assert.That(PtxAssembler.Faults(assembler, ptx), Is.Empty, "the assembler");
        });
    }

    // Half of the speed of an NVIDIA GPU.
    [Test]
    public void Contractions_may_fuse() =>
        Assert.That(Lowering.ToPtx(KernelInstances.EntryPoint(typeof(TiledProduct<StepsInnermost, LinesInnermost>))), Does.Match(@"\bmul\.f32").And.Match(@"\badd\.f32"));

    [TestCaseSource(nameof(Kernels))]
    public void Lowers_to_opencl(Type kernel)
    {
        bool mayFuse = typeof(IGroupKernel).IsAssignableFrom(kernel);
        CheckOpenCl(Lowering.ToOpenCl(KernelInstances.EntryPoint(kernel)), mayFuse);
        CheckOpenCl(Lowering.ToOpenCl(KernelInstances.WideEntryPoint(kernel)), mayFuse);
    }

    private static void CheckOpenCl(string source, bool mayFuse)
    {
        var longs = LongVariable().Matches(source).Select(m => m.Groups[1].Value).ToHashSet();
        Assert.Multiple(() =>
        {
            Assert.That(source, Does.Contain("kernel void"));
            Assert.That(source, Does.Not.Contain("copysign").IgnoreCase, "wrong in ILGPU");
            Assert.That(Dereference().Matches(source).Select(m => m.Groups[1].Value).Where(longs.Contains), Is.Empty, "reads through an integer");
            Assert.That(source, Does.Not.Match(@"\bdouble\b"), "double precision by accident");
            Assert.That(source.Contains("FP_CONTRACT OFF", StringComparison.Ordinal), Is.Not.EqualTo(mayFuse), "products that compilers may fuse with a sum");
            Assert.That(source, Does.Not.Contain("E-45"), "an integer's bits as a float: ILGPU miscompiles 'condition ? 1 : 0' where a float is meant, write 1f : 0f");
        });
    }

    [GeneratedRegex(@"\bcall(?:\.uni)?\s+(?:\([^)]*\)\s*,\s*)?(\w+)")]
    private static partial Regex Calls();

    [GeneratedRegex(@"\b(ld|st)\.(?!global|shared|param|const)[^;]*;")]
    private static partial Regex GenericAccess();

    [GeneratedRegex(@"\b(add|sub|mul)\.f32\b")]
    private static partial Regex Fusible();

    [GeneratedRegex(@"^\tlong (var\d+);", RegexOptions.Multiline)]
    private static partial Regex LongVariable();

    [GeneratedRegex(@"(?:= |^\t )\*  ?(var\d+)", RegexOptions.Multiline)]
    private static partial Regex Dereference();
}
