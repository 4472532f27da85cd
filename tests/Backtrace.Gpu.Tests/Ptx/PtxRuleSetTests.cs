using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Tests.Rules;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;

namespace Backtrace.Gpu.Tests.Ptx;

/// <summary>The rules of every set give on the emulated GPU what they give on the processor.</summary>
internal sealed class PtxRuleSetTests
{
    private static readonly Dictionary<string, RuleSet> Sets = new()
    {
        ["Backtrace"] = RuleSet.Backtrace,
        ["faithful"] = RuleSet.Faithful,
        ["v1"] = RuleSet.V1,
        ["v2"] = RuleSet.V2,
        ["epsilon"] = RuleSet.LrpEpsilon(1e-3f),
        ["gamma"] = RuleSet.LrpGamma(),
        ["alpha-beta"] = RuleSet.LrpAlphaBeta(),
        ["AttnLRP"] = RuleSet.AttnLrp(),
    };

    internal static IEnumerable<string> Names => Sets.Keys;

    [TestCaseSource(nameof(Names))]
    public void Golden_cases_agree_with_the_processor(string set)
    {
        foreach (string name in Fixtures.Cases("default"))
        {
            using SafeTensorsFile file = SafeTensors.Open(Fixtures.Path("ops", name + ".default.safetensors"));
            OperatorFixture fixture = new(file);
            if (fixture.IsCovered)
                Check(fixture.Node(), set, name);
        }
    }

    [TestCaseSource(nameof(Names))]
    public void Random_cases_agree_with_the_processor(string set)
    {
        foreach (string name in RuleCases.Names)
        {
            for (int seed = 0; seed < 3; seed++)
            {
                using var scope = torch.NewDisposeScope();
                Random random = new(seed);
                RuleCase rule = RuleCases.Make(name, random);
                Node node = rule.Node(random);
                torch.Tensor output = rule.Forward([.. node.Inputs.Select(RuleCase.ToTensor)])[0];
                Check(node with { Output = new Values([.. output.to(torch.float32).contiguous().data<float>()], output.shape) }, set, $"{name} {seed}");
            }
        }
    }

    private static void Check(Node node, string set, string name)
    {
        if (Sets[set].Find(node.Operation) is null)
            return;
        Outcome expected = RuleRunner.Run(TestDevices.Get("cpu"), node, Sets[set]), actual = RuleRunner.Run(TestDevices.Get("ptx"), node, Sets[set]);

        // Signed sums that nearly cancel (v2, epsilon) magnify that contractions round here and not in the processor's reference.
        double scale = All(expected).Select(Math.Abs).Where(float.IsFinite).DefaultIfEmpty().Max();
        Assert.That(actual.Ledger.Keys, Is.EquivalentTo(expected.Ledger.Keys), name);
        Assert.That(All(actual), Is.EqualTo(All(expected)).Within(2e-3 * scale), name);
    }

    private static float[] All(Outcome outcome) =>
        [.. outcome.Relevance.SelectMany(r => r?.Data ?? []), .. outcome.Ledger.OrderBy(l => l.Key).SelectMany(l => l.Value)];
}
