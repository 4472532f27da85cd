using System.Globalization;
using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Start relevance against the golden cases of section A.4.</summary>
[Category("Fixtures")]
public sealed class TargetFixtureTests
{
    private static IEnumerable<string> Names => Fixtures.Cases("default").Where(n => n.StartsWith("start_", StringComparison.Ordinal));

    [TestCaseSource(nameof(Names))]
    public void StartsWithTheRelevanceOfTheReference(string name)
    {
        using SafeTensorsFile file = SafeTensors.Open(Fixtures.Path("ops", $"{name}.default.safetensors"));
        float[] output = file.Read<float>("in.output"), seed = new float[output.Length];
        Of(file).Write(output, [.. file["in.output"].Shape], seed);
        float[] expected = [.. file.Read<double>("expected.start").Select(v => (float)v)];
        Explaining.AssertSame(seed, expected, double.Parse(file.Metadata["tol_fp32"], CultureInfo.InvariantCulture), name);
    }

    [TestCaseSource(nameof(Names))]
    public void StartsBothStreamsWithTheRelevanceOfTheReference(string name)
    {
        using SafeTensorsFile file = SafeTensors.Open(Fixtures.Path("ops", $"{name}.contrastive.safetensors"));
        float[] output = file.Read<float>("in.output"), positive = new float[output.Length], negative = new float[output.Length];
        OutputKind kind = file.Metadata["output_kind"] == "logits" ? OutputKind.Logits : OutputKind.Probabilities;
        Of(file).WriteContrastive(output, [.. file["in.output"].Shape], kind, positive, negative);
        float[] expected = [.. file.Read<double>("expected.start_pos").Concat(file.Read<double>("expected.start_neg")).Select(v => (float)v)];
        Explaining.AssertSame([.. positive, .. negative], expected, double.Parse(file.Metadata["tol_fp32"], CultureInfo.InvariantCulture), name);
    }

    [Test]
    public void NoCaseIsMissing() => Assert.That(Names.Count(), Is.EqualTo(27));

    private static Target Of(SafeTensorsFile file)
    {
        IReadOnlyDictionary<string, string> facts = file.Metadata;
        bool single = file["in.output"].Shape.Skip(1).Aggregate(1L, (a, b) => a * b) == 1;
        int[] chosen = Integers(facts["target"]);
        Target target = new string([.. facts["task"].ToLowerInvariant().Where(char.IsLetter)]) switch
        {
            "binaryclassification" when single => Target.SingleOutput(facts["signed"] == "true"),
            "binaryclassification" or "multiclassclassification" or "classification" => chosen.Length == 0 ? Target.Argmax() : Target.Class(chosen),
            "multilabel" when file.Contains("in.weights") => Target.Custom(file.Read<float>("in.weights")),
            "multilabel" => Target.TopK(Integers(facts["top_k"])[0]),
            "regression" or "bboxregression" => Target.Regression(chosen.Length == 0 ? null : chosen[0]),
            "binarysegmentation" => Target.Mask(double.Parse(facts["threshold"], CultureInfo.InvariantCulture), facts["output_kind"] == "logits"),
            "multiclasssegmentation" => Target.SegmentationClass(chosen[0]),
            "nexttoken" => Target.NextToken(chosen.Length == 0 ? null : chosen, Integers(facts["position"]) is { Length: > 0 } positions ? positions : null),
            "encoderdecoder" => Target.Tokens([.. file.Read<long>("in.tokens").Select(t => (int)t).Chunk((int)file["in.tokens"].Shape[1])]),
            string task => throw new NotSupportedException(task),
        };
        return target with { Scaler = facts["scaler"] == "none" ? null : Number(facts["scaler"]), Multiplier = Number(facts["multiplier"]) };
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    private static int[] Integers(string text) => text == "none" ? [] : [.. text.Split(',').Select(t => int.Parse(t, CultureInfo.InvariantCulture))];
}
