using Backtrace.Gpu.Cli.Explaining;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Targets that do not fit an output say so.</summary>
public sealed class TargetErrorTests
{
    private static readonly (string Name, Target Target, long[] Shape, string Message)[] Misfits =
    [
        ("class too large", Target.Class(5), [2, 5], "Class 5"),
        ("class below zero", Target.Class(-1), [2, 5], "Class -1"),
        ("one class of three too large", Target.Class(0, 1, 9), [3, 5], "Class 9"),
        ("classes for other samples", Target.Class(0, 1, 2), [2, 5], "3 classes"),
        ("several outputs for one", Target.SingleOutput(), [2, 3], "3"),
        ("more than all", Target.TopK(6), [2, 5], "TopK(6)"),
        ("none of all", Target.TopK(0), [2, 5], "TopK(0)"),
        ("coordinate", Target.Regression(4), [2, 4], "Coordinate 4"),
        ("channel", Target.SegmentationClass(3), [2, 3, 4, 4], "Channel 3"),
        ("mask of several channels", Target.Mask(), [2, 3, 4, 4], "Use SegmentationClass"),
        ("no pixels", Target.SegmentationClass(1), [2, 3], "spatial"),
        ("no vocabulary", Target.NextToken(), [2, 5], "[N, T, V]"),
        ("token", Target.NextToken([9]), [2, 3, 9], "Token 9"),
        ("position", Target.NextToken([1], [3]), [2, 3, 9], "Position 3"),
        ("positions", Target.NextToken([1], [0, 1, 2]), [2, 3, 9], "3 positions"),
        ("rank without a vocabulary", new RankedTarget(1, 0), [2, 5], "[N, T, V]"),
        ("rank of a number", new RankedTarget(1, 0), [2], "[N, T, V]"),
        ("rank at a position", new RankedTarget(1, 3), [2, 3, 9], "Position 3"),
        ("rank", new RankedTarget(5, null), [2, 5], "Rank 6"),
        ("tokens of one sample", Target.Tokens([[1, 2, 3]]), [2, 3, 9], "T token ids"),
        ("too few tokens", Target.Tokens([[1, 2], [1, 2]]), [2, 3, 9], "T token ids"),
        ("length", Target.Custom([1, 2, 3]), [2, 5], "3 entries"),
        ("not a number", Target.Custom([1, float.NaN]), [1, 2], "NaN"),
        ("scaler that is no number", Target.Argmax() with { Scaler = double.NaN }, [2, 5], "Argmax() with Scaler NaN is NaN or infinite"),
        ("scaler beyond fp32", Target.TopK(2) with { Scaler = 1e39 }, [2, 5], "finite"),
        ("multiplier beyond fp32", Target.Regression() with { Multiplier = 1e39 }, [2, 5], "finite"),
        ("product beyond fp32", Target.Class(1) with { Scaler = 1e30, Multiplier = 1e30 }, [2, 5], "finite"),
        ("no batch", Target.Argmax(), [], "Argmax() needs an output with a batch axis"),
        ("no batch for classes", Target.Class(0, 3), [], "Class(0, 3) needs"),
        ("no batch for relevance", Target.Custom([1, 2]), [], "Custom(2 numbers) needs"),
    ];

    private static IEnumerable<string> Names => Misfits.Select(m => m.Name);

    [TestCaseSource(nameof(Names))]
    public void IsRefused(string name)
    {
        (_, Target target, long[] shape, string message) = Misfits.Single(m => m.Name == name);
        float[] output = [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b)).Select(k => k * 0.1f)];
        Assert.That(() => target.Write(output, shape, new float[output.Length]), Throws.TypeOf<TargetException>().With.Message.Contains(message));
    }

    [Test]
    public void StreamsThatAreNotFiniteAreRefused()
    {
        Target target = Target.Argmax() with { Scaler = double.PositiveInfinity };
        Assert.That(
            () => target.WriteContrastive([1, 2, 3, 4], [2, 2], OutputKind.Logits, new float[4], new float[4]),
            Throws.TypeOf<TargetException>().With.Message.Contains("finite"));
    }

    [Test]
    public void ATargetWithoutWhatItNeedsIsNotMade()
    {
        Assert.That(() => Target.Class(), Throws.TypeOf<TargetException>().With.Message.Contains("Argmax"));
        Assert.That(() => Target.Class(null!), Throws.ArgumentNullException);
        Assert.That(() => Target.Tokens(null!), Throws.ArgumentNullException);
        Assert.That(() => Target.Custom(null!), Throws.ArgumentNullException);
        Assert.That(() => Target.Custom([1], null!), Throws.ArgumentNullException);
    }

    [Test]
    public void OptionsAreSetWithoutACopyOfTheLanguage()
    {
        Assert.That(Target.Class(1).With(scaler: null, multiplier: 100, output: 2), Is.EqualTo(Target.Class(1) with { Scaler = null, Multiplier = 100, Output = 2 }).Using<Target>((a, b) => a.ToString() == b.ToString()));
        Assert.That((Target.Argmax() with { Scaler = 3 }).With().Scaler, Is.EqualTo(1));
        Assert.That(Target.Mask(logits: true).With(scaler: null).Kind, Is.EqualTo(OutputKind.Logits));
        Assert.That(Target.Mask(logits: true).With(kind: OutputKind.Probabilities).Kind, Is.EqualTo(OutputKind.Probabilities));
    }

    [Test]
    public void ANumberIsNoOutput([Values] bool perSample)
    {
        using var scope = torch.NewDisposeScope();
        using Backtracer backtracer = new(null, x => [x[0].mean()], TestDevices.Get("cpu"), options: new BacktracerOptions { LedgerPerSample = perSample });
        Assert.That(() => backtracer.Explain(torch.randn(2, 3), Target.Argmax()), Throws.TypeOf<TargetException>().With.Message.Contains("batch axis"));
    }

    [Test]
    public void TheFirstOfEqualOutputsIsTheLargest()
    {
        float[] seed = new float[4];
        Target.Argmax().Write([1, 3, 3, 2], [1, 4], seed);
        Assert.That(seed, Is.EqualTo(new float[] { 0, 1, 0, 0 }));
    }

    [Test]
    public void TargetsSayHowTheyWereMade()
    {
        Target[] targets = [Target.Argmax(), Target.Class(1, 2), Target.NextToken([7]), Target.TopK(3) with { Scaler = null, Multiplier = 100 }, Target.Custom([1, 2])];
        Assert.That(
            targets.Select(t => $"{t}"),
            Is.EqualTo(new[] { "Argmax()", "Class(1, 2)", "NextToken(7 at last)", "TopK(3) with Scaler null, Multiplier 100", "Custom(2 numbers)" }));
    }
}
