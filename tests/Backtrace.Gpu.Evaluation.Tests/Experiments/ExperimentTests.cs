using System.Runtime.InteropServices;
using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Evaluation.Experiments;
using Backtrace.Gpu.Tests.Support;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Experiments;

public sealed class ExperimentTests
{
    private const string Right = "weights", Wrong = "upside, down";

    [Test]
    public void EveryMethodAndSubjectIsMeasuredAndSummarised()
    {
        using TemporaryFolder folder = new();
        using Arena arena = new();
        ExperimentResult result = arena.Experiment(null, Right, Wrong).Run(folder.Path, arena.Settings);
        Assert.Multiple(() =>
        {
            Assert.That(result.Outcomes, Has.Count.EqualTo(6));
            Assert.That(result.Subjects, Is.EqualTo(3));
            // The model with contributions [4, 3, 2, 1]: MoRF .375 in the right order and .625 in the opposite one; Gini .25.
            Assert.That(result.Summaries[0].Values[0].Mean, Is.EqualTo(0.375).Within(1e-6));
            Assert.That(result.Summaries[1].Values[0].Mean, Is.EqualTo(0.625).Within(1e-6));
            Assert.That(result.Summaries.Select(summary => summary.Values[1].Mean), Is.All.EqualTo(0.25).Within(1e-6));
            Assert.That(result.Outcomes[0].Curves["MoRF"], Is.EqualTo(new double[] { 10, 6, 3, 1, 0 }).Within(1e-5));
            Assert.That(result.Summaries[0].PeakBytes, Is.EqualTo(1024));
        });
    }

    [TestCase("")]
    [TestCase("null")]
    [TestCase("{\"seed\": 1}")]
    public void SettingsThatCannotBeReadAreNamedAndStay(string text)
    {
        using TemporaryFolder folder = new();
        using Arena arena = new();
        string path = folder.Write(Settings.FileName, text);
        Assert.That(() => arena.Experiment(null, Right).Run(folder.Path, arena.Settings), Throws.TypeOf<ExperimentException>().With.Message.StartsWith($"{path}: cannot be read"));
        Assert.That(File.ReadAllText(path), Is.EqualTo(text));
    }

    [Test]
    public void ANameOfSeveralLinesIsFoundAgain()
    {
        using TemporaryFolder folder = new();
        using Arena arena = new(2, "two\nlines");
        for (int run = 0; run < 2; run++)
            arena.Experiment(null, Right).Run(folder.Path, arena.Settings);
        Assert.That(File.ReadAllLines(folder.File(Experiment.FileName)), Has.Length.EqualTo(1 + 2));
    }

    [Test]
    public void ARunThatMeasuredNothingLeavesNothing()
    {
        using TemporaryFolder folder = new();
        using Arena arena = new();
        string made = folder.File("made");
        foreach (string output in new[] { made, folder.Path })
        {
            Assert.That(() => arena.Experiment(_ => throw new OperationCanceledException(), Right).Run(output, arena.Settings), Throws.InstanceOf<OperationCanceledException>());
            Assert.That(Directory.GetFileSystemEntries(folder.Path), Is.Empty);
        }

        // Where not even the header can be written, there are no settings either.
        using TemporaryFolder refusing = new();
        Directory.CreateDirectory(refusing.File(Experiment.FileName));
        Assert.That(() => arena.Experiment(null, Right).Run(refusing.Path, arena.Settings), Throws.Exception);
        Assert.That(File.Exists(refusing.File(Settings.FileName)), Is.False);

        // Of a folder that has results, none are lost.
        arena.Experiment(null, Right).Run(made, arena.Settings);
        Assert.That(() => arena.Experiment(_ => throw new OperationCanceledException(), Wrong).Run(made, arena.Settings), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(File.ReadAllLines(Path.Combine(made, Experiment.FileName)), Has.Length.EqualTo(1 + 3));
    }

    [TestCase(1)]
    [TestCase(4)]
    [TestCase(7)]
    public void AnInterruptedRunContinuesToTheSameBytes(int stopped)
    {
        using TemporaryFolder whole = new(), parts = new();
        using Arena arena = new();
        arena.Experiment(null, Right, Wrong).Run(whole.Path, arena.Settings);
        int calls = 0;
        void Break(string method)
        {
            if (calls++ == stopped)
                throw new OperationCanceledException();
        }

        Assert.That(() => arena.Experiment(Break, Right, Wrong).Run(parts.Path, arena.Settings), Throws.InstanceOf<OperationCanceledException>());
        int lines = File.Exists(parts.File(Experiment.FileName)) ? File.ReadAllLines(parts.File(Experiment.FileName)).Length : 1; // the head comes with the first result
        arena.Experiment(null, Right, Wrong).Run(parts.Path, arena.Settings);
        Assert.Multiple(() =>
        {
            Assert.That(lines, Is.LessThan(7), "it was interrupted");
            Assert.That(File.ReadAllBytes(parts.File(Experiment.FileName)), Is.EqualTo(File.ReadAllBytes(whole.File(Experiment.FileName))));
        });
    }

    [Test]
    public void WhatIsMeasuredIsNotMeasuredAgainAndMoreMethodsAdd()
    {
        using TemporaryFolder folder = new();
        using Arena arena = new();
        arena.Experiment(null, Right).Run(folder.Path, arena.Settings);
        int first = arena.Explained;
        arena.Experiment(null, Right).Run(folder.Path, arena.Settings);
        int second = arena.Explained;
        ExperimentResult both = arena.Experiment(null, Right, Wrong).Run(folder.Path, arena.Settings);
        Assert.Multiple(() =>
        {
            Assert.That(second, Is.EqualTo(first));
            Assert.That(arena.Explained, Is.GreaterThan(second));
            Assert.That(both.Outcomes, Has.Count.EqualTo(6));
        });
    }

    [Test]
    public void AMethodOfFewerSubjectsIsLeftOutByName()
    {
        using TemporaryFolder folder = new();
        using Arena few = new(2), more = new(3);
        few.Experiment(null, Right, Wrong).Run(folder.Path, few.Settings);
        ExperimentResult result = more.Experiment(null, Right).Run(folder.Path, more.Settings);
        Assert.Multiple(() =>
        {
            Assert.That(result.Methods, Is.EqualTo(new[] { Right }));
            Assert.That(result.LeftOut, Is.EqualTo(new Dictionary<string, string> { [Wrong] = "an earlier run measured it on 2 of these 3 inputs; name it again to have it measured on all." }));
        });
    }

    [Test]
    public void OtherSettingsAreRefusedByName()
    {
        using TemporaryFolder folder = new();
        using Arena arena = new(), other = new() { Settings = new([new("seed", "2"), new("model", "linear")]) };
        arena.Experiment(null, Right).Run(folder.Path, arena.Settings);
        Assert.That(() => other.Experiment(null, Right).Run(folder.Path, other.Settings), Throws.TypeOf<ExperimentException>().With.Message.Contains("seed: 1 there, 2 here").And.Message.Not.Contains("model"));
    }

    [Test]
    public void AFailureNamesMethodAndSubject()
    {
        using TemporaryFolder folder = new();
        using Arena arena = new();
        Assert.That(
            () => arena.Experiment(_ => throw new ExplainerException("no such layer."), Right).Run(folder.Path, arena.Settings),
            Throws.TypeOf<ExplainerException>().With.Message.EqualTo("weights, input 1: no such layer."));
        Assert.That(
            () => arena.Experiment(_ => throw new InvalidModelException("The output holds NaN."), Right).Run(folder.Path, arena.Settings),
            Throws.TypeOf<InvalidModelException>().With.Message.EqualTo("weights, input 1: The output holds NaN."));
    }

    [Test]
    public void ResultsOfUnknownSettingsAreNotAdopted()
    {
        using TemporaryFolder folder = new();
        using Arena arena = new();
        arena.Experiment(null, Right).Run(folder.Path, arena.Settings);
        File.Delete(folder.File(Settings.FileName));
        Assert.That(() => arena.Experiment(null, Right).Run(folder.Path, arena.Settings), Throws.TypeOf<ExperimentException>().With.Message.Contains("not known"));
    }

    [Test]
    public void AMethodThatMayDropOutIsLeftOutByName()
    {
        using TemporaryFolder folder = new();
        using Arena arena = new();
        Experiment experiment = arena.Experiment(method => _ = method == Wrong ? throw new ExplainerException("no such layer.") : 0, mayDropOut: true, Right, Wrong);
        ExperimentResult result = experiment.Run(folder.Path, arena.Settings);
        Assert.Multiple(() =>
        {
            Assert.That(result.Methods, Is.EqualTo(new[] { Right }));
            Assert.That(result.LeftOut, Is.EqualTo(new Dictionary<string, string> { [Wrong] = "no such layer." }));
            Assert.That(result.Outcomes, Has.Count.EqualTo(3));
        });
    }

    [TestCase(1)]
    [TestCase(int.MaxValue)]
    public void AnOperatorThatFailsIsTriedOnceMore(int failures)
    {
        using TemporaryFolder folder = new();
        using Arena arena = new();
        int calls = 0;
        Experiment experiment = arena.Experiment(
            _ =>
            {
                if (calls++ < failures)
                    zeros(2).add_(zeros(3)); // libtorch refuses
            },
            mayDropOut: false,
            Right);
        if (failures == 1)
            Assert.That(experiment.Run(folder.Path, arena.Settings).Outcomes, Has.Count.EqualTo(3));
        else
            Assert.That(() => experiment.Run(folder.Path, arena.Settings), Throws.InstanceOf<ExternalException>());
    }

    [Test]
    public void AFolderIsKnownByNamesAndContents()
    {
        using TemporaryFolder one = new(), other = new();
        one.Write("a", "1");
        one.Write("b", "2");
        other.Write("a", "2");
        other.Write("b", "1");
        string before = Settings.Digest(one.Path);
        Assert.That(Settings.Digest(other.Path), Is.Not.EqualTo(before), "the same bytes in all, under other names");
        other.Write("a", "1");
        other.Write("b", "2");
        Assert.That(Settings.Digest(other.Path), Is.EqualTo(before));
    }

    [Test]
    public void MethodsOfOneNameAreRefused()
    {
        using TemporaryFolder folder = new();
        using Arena arena = new();
        Assert.That(() => arena.Experiment(null, Right, Right).Run(folder.Path, arena.Settings), Throws.TypeOf<ExperimentException>().With.Message.Contains("weights"));
    }
}
