using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>The opposing stream where everything but the target is so improbable that fp32 does not hold it: it has its total and its shares nevertheless.</summary>
public sealed class ConfidentModelTests
{
    private static readonly float Less = (float)(1 / (1 + Math.E)), More = 1 - Less;

    private static readonly (string Name, Target Target, long[] Shape, float[] Logits, float[] Opposing)[] Models =
    [
        ("probabilities of 0", Target.Argmax(), [1, 3], [0, 150, 1], [Less, 0, More]),
        ("few digits", Target.Argmax(), [1, 3], [0, 101, 1], [Less, 0, More]),
        ("logits of thousands", Target.Class(1), [2, 3], [-5000, 4000, -4999, 0, 4000, 1], [Less, 0, More, Less, 0, More]),
        ("one sample of two", Target.Argmax(), [2, 2], [0, 200, 3, 2], [1, 0, 0, 1]),
        ("next token", Target.NextToken(), [1, 2, 3], [0, 0, 0, 0, 150, 1], [0, 0, 0, Less, 0, More]),
        ("tokens", Target.Tokens([[1, 0]]), [1, 2, 2], [0, 151, 150, 0], [Less, 0, 0, More]),
        ("channel", Target.SegmentationClass(0), [1, 2, 1, 2], [151, 150, 0, 0], [0, 0, Less, More]),
        ("several", Target.TopK(1), [1, 3], [-200, 3, -199], [Less, 0, More]),
        ("custom", Target.Custom([0, 1, 0]), [1, 3], [-200, 3, -199], [Less, 0, More]),
        ("mask", Target.Mask(logits: true), [1, 1, 1, 3], [-200, 3, -199], [Less, 0, More]),
    ];

    private static IEnumerable<string> Names => Models.Select(model => model.Name);

    [TestCaseSource(nameof(Names))]
    public void HasAnOpposingStream(string name)
    {
        (_, Target target, long[] shape, float[] logits, float[] opposing) = Models.Single(model => model.Name == name);
        float[] positive = new float[logits.Length], negative = new float[logits.Length];
        target.WriteContrastive(logits, shape, OutputKind.Logits, positive, negative);
        Explaining.AssertSame(negative, opposing, 1e-5, name);
    }

    [Test]
    public void KeepsItsProbabilitiesWithoutScaler()
    {
        float[] positive = new float[3], negative = new float[3];
        (Target.Argmax() with { Scaler = null }).WriteContrastive([0, 150, 1], [1, 3], OutputKind.Logits, positive, negative);
        Assert.That(positive, Is.EqualTo(new float[] { 0, 1, 0 }));
        Assert.That(negative, Is.All.Zero);
    }

    [Test]
    public void HasNoneWhereNothingElseIsPossible()
    {
        float[] positive = new float[2], negative = new float[2];
        Target.Argmax().WriteContrastive([float.NegativeInfinity, 1], [1, 2], OutputKind.Logits, positive, negative);
        Assert.That(positive, Is.EqualTo(new float[] { 0, 1 }));
        Assert.That(negative, Is.All.Zero);
    }
}
