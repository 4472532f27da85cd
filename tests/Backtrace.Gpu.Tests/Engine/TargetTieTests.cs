using Backtrace.Gpu.Cli.Explaining;
using Backtrace.Gpu.Targets;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Logits that differ and have equal probabilities in fp32: contrastive mode starts at the unit that default mode starts at.</summary>
public sealed class TargetTieTests
{
    private static readonly (string Name, Target Target, long[] Shape, float[] Logits, int Expected)[] Ties =
    [
        ("rank among probabilities of 0", new RankedTarget(1, null), [1, 4], [-300, -200, -150, 0], 2),
        ("last rank", new RankedTarget(3, null), [1, 4], [0, -200, -300, -150], 2),
        ("rank at a position", new RankedTarget(1, 1), [1, 2, 3], [9, 8, 7, -200, -150, 0], 4),
        ("rank of equal probabilities", new RankedTarget(0, null), [1, 2], [1e-9f, 2e-9f], 1),
        ("largest class", Target.Argmax(), [1, 2], [1e-9f, 2e-9f], 1),
        ("largest token", Target.NextToken(), [1, 1, 2], [1e-9f, 2e-9f], 1),
        ("largest channel", Target.SegmentationClass(1), [1, 2, 1, 1], [1e-9f, 2e-9f], 1),
        ("largest of several", Target.TopK(1), [1, 3], [20, 30, 25], 1),
    ];

    private static IEnumerable<string> Names => Ties.Select(tie => tie.Name);

    [TestCaseSource(nameof(Names))]
    public void IsSettledByTheLogits(string name)
    {
        (_, Target target, long[] shape, float[] logits, int expected) = Ties.Single(tie => tie.Name == name);
        float[] seed = new float[logits.Length], positive = new float[logits.Length], negative = new float[logits.Length];
        target.Write(logits, shape, seed);
        target.WriteContrastive(logits, shape, OutputKind.Logits, positive, negative);
        Assert.That(seed, Is.EqualTo(logits.Select((_, k) => k == expected ? 1 : 0)));
        Assert.That(positive, Is.EqualTo(seed));
        Assert.That(negative[expected], Is.Zero);
        Assert.That(negative.Sum(), Is.EqualTo(1).Within(1e-6));
    }

    [Test]
    public void WhatASureDecisionStandsAgainstIsNotLost()
    {
        float[] supporting = new float[2], opposing = new float[2];
        Target.SingleOutput().WriteContrastive([30, -30], [2, 1], OutputKind.Logits, supporting, opposing);
        double rest = 1 / (1 + Math.Exp(30));
        Assert.That(opposing[0], Is.EqualTo(rest).Within(1e-5).Percent);
        Assert.That(supporting[1], Is.EqualTo(rest).Within(1e-5).Percent);
        Assert.That(new[] { supporting[0], opposing[1] }, Is.EqualTo(new float[] { 1, 1 }));
    }
}
