using Backtrace.Gpu.Targets;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Start relevance where outputs are negative, and where a caller gives a stream of their own.</summary>
public sealed class TargetValueTests
{
    [Test]
    public void ARegressionStartsWithMagnitudesUnlessScaled()
    {
        Assert.That(Start(Target.Regression(1) with { Scaler = null }), Is.EqualTo(new float[] { 0, 3 }));
        Assert.That(Start(Target.Regression() with { Scaler = null }), Is.EqualTo(new float[] { 2, 3 }));
        Assert.That(Start(Target.Regression(1)), Is.EqualTo(new float[] { 0, 1 }));

        static float[] Start(Target target)
        {
            float[] seed = new float[2];
            target.Write([2, -3], [1, 2], seed);
            return seed;
        }
    }

    [Test]
    public void NegativeOutputsOpposeNoCustomRelevance()
    {
        float[] positive = new float[4], negative = new float[4];
        Target.Custom([0, 2, 0, 0]).WriteContrastive([-5, 4, 3, 1], [1, 4], OutputKind.Probabilities, positive, negative);
        Assert.That(positive, Is.EqualTo(new float[] { 0, 2, 0, 0 }));
        Assert.That(negative, Is.EqualTo(new float[] { 0, 0, 1.5f, 0.5f }));
    }

    [Test]
    public void AnOpposingStreamOfTheCallerIsKept([Values] OutputKind kind)
    {
        float[] positive = new float[3], negative = new float[3];
        Target.Custom([0, 1, 0], [3, 0, 1]).WriteContrastive([-200, 3, -199], [1, 3], kind, positive, negative);
        Assert.That(negative, Is.EqualTo(new float[] { 3, 0, 1 }));
    }
}
