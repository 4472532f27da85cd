using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Kernels.Rules.Contrast;
using Backtrace.Gpu.Kernels.Rules.Lrp;
using Backtrace.Gpu.Tests.Contraction;
using Backtrace.Gpu.Tests.Golden;
using Backtrace.Gpu.Tests.Kernels;
using Backtrace.Gpu.Tests.Rules;
using Backtrace.Gpu.Tests.Support;
using Backtrace.Gpu.Tests.Transformers;
using ILGPU;
using NUnit.Framework;
using Device = Backtrace.Gpu.Kernels.Execution.Device;

namespace Backtrace.Gpu.Tests.Ptx;

/// <summary>No kernel goes untried.</summary>
internal sealed class PtxCoverageTests
{
    private static readonly Device Emulated = TestDevices.Get("ptx");

    [Test]
    public void Every_kernel_that_CUDA_runs_was_executed()
    {
        // Other tests may have been before: what is left is done here.
        IEnumerable<Action> tests =
        [
            Both_sums_of_long_rows_agree,
            Products_of_transposed_operands_match_the_definition,
            () => new TiledContractionTests("ptx").Linear_of_many_steps_matches_the_definition(1),
            () => Weights_of_softmax_agree_with_the_processor(7, 2),
            () => Weights_of_softmax_agree_with_the_processor(150, 1),
            () => new CuBlasContractionTests("cublas", ContractionPrecision.BFloat16).Sums_of_magnitudes_lose_little(),
            () => new CuBlasContractionTests("cublas", ContractionPrecision.Single).Sums_of_magnitudes_lose_little(),
            Stacked_shares_agree_with_the_processor,
            () => new LrpNormalisationTests().IsGradientTimesInputWithAConstantDeviation(true, 17, "ptx"),
            () => new LrpNormalisationTests().IsGradientTimesInputWithAConstantDeviation(true, 150, "ptx"),
            () => new LrpAttentionTests().EqualsItsEquationsWithManyKeys(Masking.Boolean, "ptx"),
            () => new ContrastiveLinearTests().LongRowsAgreeWithTheReference(150, "ptx"),
            () => new ExecutionTests("ptx").Sums_what_biases_take(1, 1, 128),
            () => new PoolingPlanesTests().Both_ways_give_the_same(0, true, "ptx"),
            () => new LrpGradientTests().OfBatchNormalisationThatCannotBeMerged("ptx"),
            .. PtxRuleSetTests.Names.Select(set => (Action)(() => new PtxRuleSetTests().Golden_cases_agree_with_the_processor(set))),
            .. PtxRuleSetTests.Names.Select(set => (Action)(() => new PtxRuleSetTests().Random_cases_agree_with_the_processor(set))),
            .. GoldenCases().Select(golden => (Action)(() => new GoldenTests().MatchesTheReference(golden.Path, golden.Mode, "ptx"))),
        ];
        foreach (Action test in tests.TakeWhile(_ => Missing().Length > 0))
            test();
        Assert.That(string.Join(", ", Missing().Select(KernelInstances.Name)), Is.Empty);
    }

    [Test]
    public void Both_sums_of_long_rows_agree()
    {
        const int rows = 2, count = 320;
        using Arena arena = new(Emulated);
        float[] values = DeviceFloats.Random(rows * count, 1);
        ArrayView<float> partial = arena.Upload(values), group = arena.Upload(new float[rows]), single = arena.Upload(new float[rows]);
        Emulated.RunGroups(new RowSums.GroupedPartialSums { Partial = partial, Sums = group, Count = count }, new Index3D(rows, 1, 1), 256);
        Emulated.RunItems(new RowSums.LongPartialSums { Partial = partial, Sums = single, Count = count }, rows);
        float[] sums = Emulated.Download(group);
        Assert.That(sums, Is.EqualTo(Enumerable.Range(0, rows).Select(r => values.Skip(r * count).Take(count).Sum(v => (double)v))).Within(1e-4));
        Assert.That(Emulated.Download(single), Is.EqualTo(sums), "the same order");
    }

    [Test]
    public void Products_of_transposed_operands_match_the_definition()
    {
        ProductShape shape = new(2, 5, 70, 19) { TransposedA = true, TransposedB = true };
        using Arena arena = new(Emulated);
        float[] a = DeviceFloats.Random(2 * 5 * 19, 1), b = DeviceFloats.Random(2 * 70 * 19, 2);
        ArrayView<float> c = arena.Blank(2 * 5 * 70);
        new TiledContraction(Emulated, arena).Products(shape, Operand.Of(arena.Upload(a)), Operand.Of(arena.Upload(b)), c, default(NoEpilogue));
        double[] expected = ReferenceContraction.Products(shape, [.. a.Select(v => (double)v)], [.. b.Select(v => (double)v)], new double[c.Length]);
        Assert.That(Emulated.Download(c), Is.EqualTo(expected).Within(1e-5));
    }

    [TestCase(7, 2)]
    [TestCase(150, 1)]
    public void Weights_of_softmax_agree_with_the_processor(int length, int inner)
    {
        const int rows = 6;
        float[] Run(Device device)
        {
            using Arena arena = new(device);
            SoftmaxWeights kernel = new() { X = arena.Upload(DeviceFloats.Random(rows * length, 1)), Target = arena.Blank(rows * length), Length = length, Inner = inner };
            Rows.Run(device, kernel, rows, inner == 1 ? length : 1, 1);
            return device.Download(kernel.Target);
        }

        float[] weights = Run(Emulated);
        Assert.That(weights, Is.EqualTo(Run(TestDevices.Get("cpu"))).Within(1e-6));
        Assert.That(weights.Sum(), Is.EqualTo(rows).Within(1e-5));
    }

    [Test]
    public void Stacked_shares_agree_with_the_processor()
    {
        const int plane = 16, units = 32;
        float[][] Run(Device device)
        {
            using Arena arena = new(device);
            ArrayView<float> Positive(int seed) => arena.Upload([.. DeviceFloats.Random(units, seed).Select(Math.Abs)]);
            StackedShares kernel = new()
            {
                P = Positive(1),
                N = Positive(2),
                Value = arena.Upload(DeviceFloats.Random(units, 3)),
                Supporting = Positive(4),
                Opposing = Positive(5),
                Target = arena.Blank(4 * units),
                Plane = plane,
                Units = units,
            };
            device.Run(kernel, units);
            return [device.Download(kernel.Target), device.Download(kernel.P), device.Download(kernel.N)];
        }

        Assert.That(Run(Emulated), Is.EqualTo(Run(TestDevices.Get("cpu"))).Within(1e-6));
    }

    private static IEnumerable<(string Path, Mode Mode)> GoldenCases() =>
    [
        .. Fixtures.Cases("contrastive").Where(name => !name.StartsWith("start_", StringComparison.Ordinal)).Select(name => (Fixtures.Path("ops", name + ".contrastive.safetensors"), Mode.Contrastive)),
        .. from model in new[] { "mlp_sigmoid", "mlp_tanh_softmax", "cnn", "resnet_block", "unet", "llama_pair", "bert_pair", "stories260k" }
           from mode in Enum.GetValues<Mode>()
           select (Fixtures.Path("models", model + ".safetensors"), mode),
    ];

    private static Type[] Missing() => [.. KernelInstances.All.Where(RunsOnCuda).Except(PtxEmulator.Launched)];

    // Sums by whole vectors are for processors, no epilogue is ever launched, and these sources are all that contractions combine.
    private static bool RunsOnCuda(Type kernel)
    {
        if (!kernel.IsGenericType)
            return kernel != typeof(NoEpilogue);
        Type[] arguments = kernel.GetGenericArguments();
        Type definition = kernel.GetGenericTypeDefinition();
        if (definition != typeof(TiledProduct<,>))
            return definition != typeof(RowSums.WideSums<,>);
        return arguments[1] == typeof(Windows<Forward>) ? arguments[0] == typeof(StepsInnermost)
            : arguments[1] == typeof(Windows<Backward>) ? arguments[0] == typeof(TransposedWeights)
            : arguments[0] != typeof(TransposedWeights);
    }
}
