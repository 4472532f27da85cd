using System.Text.Json;
using Backtrace.Gpu.Cli;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Cli;

public sealed class EvaluateTests
{
    private static readonly string[] Few = ["--quick", "--samples", "2", "--methods", "backtrace,gradient-x-input"];

    [TestCase("tabular", "lending-mlp", "MPRT fc1")]
    [TestCase("image", "resnet20", "ABPC")]
    [TestCase("text", "lstm-sst2", "Delta AUC")]
    [TestCase("text", "stories260k", "Delta AUC")]
    public async Task AnExperimentWritesTablesAndAPage(string experiment, string model, string metric)
    {
        using TemporaryFolder folder = new();
        (int code, string output, string error) = await Command.Run(["evaluate", experiment, "-m", model, "-o", folder.Path, .. Few]);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        string page = File.ReadAllText(folder.File("index.html")), table = File.ReadAllText(folder.File("results.md"));
        string[] lines = File.ReadAllLines(folder.File($"{model}/results.csv"));
        Assert.Multiple(() =>
        {
            Assert.That(table, Does.Contain("| Backtrace (default) |").And.Contain("| Gradient x Input |").And.Contain("| Random |").And.Contain($"{metric} ").And.Match(@"\(random -?[0-9.]+\)"));
            Assert.That(output, Does.Contain(table), "the table is printed too");
            Assert.That(lines, Has.Length.EqualTo(1 + 2 * 3));
            Assert.That(page, Does.Contain("Backtrace (default): perturbation curves").And.Contain("Examples").And.Not.Contain("<script").And.Not.Contain("src=\"http").And.Not.Contain("NaN"));
            Assert.That(File.Exists(folder.File($"{model}/results.parquet")) && File.Exists(folder.File($"{model}/settings.json")));
        });
    }

    [Test]
    public async Task JsonHoldsMeansIntervalsAndTimes()
    {
        using TemporaryFolder folder = new();
        (int code, string output, string error) = await Command.Run(["evaluate", "tabular", "-o", folder.Path, "--json", "--metrics", "complexity", .. Few]);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        using JsonDocument json = JsonDocument.Parse(output);
        JsonElement[] methods = [.. json.RootElement.GetProperty("models")[0].GetProperty("methods").EnumerateArray()];
        Assert.Multiple(() =>
        {
            Assert.That(methods.Select(method => method.GetProperty("method").GetString()), Is.EqualTo(new[] { "Backtrace (default)", "Gradient x Input", "Random" }));
            foreach (JsonElement method in methods)
            {
                JsonElement complexity = method.GetProperty("metrics").GetProperty("Complexity");
                Assert.That(complexity.GetProperty("mean").GetDouble(), Is.InRange(complexity.GetProperty("lower").GetDouble(), complexity.GetProperty("upper").GetDouble()));
                Assert.That(complexity.GetProperty("mean").GetDouble(), Is.InRange(0, Math.Log(22)), "entropy of 22 columns");
                Assert.That(method.GetProperty("seconds").GetDouble(), Is.Positive);
            }
        });
    }

    [TestCase("monotonicity", "Monotonicity")]
    [TestCase("monotonicity-correlation", "Monotonicity correlation")]
    [TestCase("faithfulness-correlation", "Faithfulness correlation")]
    public async Task AKeyMeansTheMetricOfThatName(string key, string metric)
    {
        using TemporaryFolder folder = new();
        (int code, string output, string error) = await Command.Run("evaluate", "tabular", "-o", folder.Path, "--json", "--quick", "-n", "1", "--methods", "gradient", "--metrics", key);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        using JsonDocument json = JsonDocument.Parse(output);
        JsonElement metrics = json.RootElement.GetProperty("models")[0].GetProperty("methods")[0].GetProperty("metrics");
        Assert.That(metrics.EnumerateObject().Select(property => property.Name), Is.EqualTo(new[] { metric }));
    }

    [Test]
    public async Task AnInterruptedRunContinuesAndMoreInputsAdd()
    {
        using TemporaryFolder whole = new(), parts = new();
        string[] options = ["--quick", "--methods", "backtrace", "--metrics", "deletion,complexity"];
        await Command.Run(["evaluate", "tabular", "-o", whole.Path, "--samples", "3", .. options]);
        await Command.Run(["evaluate", "tabular", "-o", parts.Path, "--samples", "2", .. options]);
        string csv = parts.File("lending-mlp/results.csv");
        string before = File.ReadAllText(csv);
        File.WriteAllText(csv, before[..^20]); // as a write that was cut off leaves it
        (int code, _, string error) = await Command.Run(["evaluate", "tabular", "-o", parts.Path, "--samples", "3", .. options]);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        string after = File.ReadAllText(csv);
        int kept = before.TrimEnd().LastIndexOf('\n') + 1;
        Assert.Multiple(() =>
        {
            Assert.That(after[..kept], Is.EqualTo(before[..kept]), "what was whole is not measured again");
            Assert.That(WithoutCosts(csv), Is.EqualTo(WithoutCosts(whole.File("lending-mlp/results.csv"))));
        });
    }

    [TestCase("--seed", "2", "seed: 1 there, 2 here")]
    [TestCase("--metrics", "sparseness", "metrics: complexity there, sparseness here")]
    public async Task OtherSettingsAreRefused(string option, string value, string said)
    {
        using TemporaryFolder folder = new();
        string[] settings = option == "--metrics" ? [] : ["--metrics", "complexity"];
        await Command.Run(["evaluate", "tabular", "-o", folder.Path, "--metrics", "complexity", .. Few]);
        (int code, _, string error) = await Command.Run(["evaluate", "tabular", "-o", folder.Path, option, value, .. settings, .. Few]);
        Assert.That(code, Is.EqualTo(ExitCodes.Usage));
        Assert.That(error, Does.Contain(said).And.Contain("choose another folder").And.Not.Contain("   at "));
    }

    [Test]
    public async Task ResultsOfAModelWhoseDescriptionChangedAreNotMixed()
    {
        using TemporaryFolder folder = new();
        string model = Directory.CreateDirectory(folder.File("my-mlp")).FullName, description = Path.Combine(model, "model.json");
        foreach (string file in Directory.EnumerateFiles(Assets.Path("models", "lending-mlp")))
            File.Copy(file, Path.Combine(model, Path.GetFileName(file)));
        // Into the model's own folder: what a run writes there is no change of the model.
        string[] command = ["evaluate", "tabular", "-m", model, "-o", folder.Path, "--metrics", "complexity", .. Few];
        await Command.Run(command);
        (int code, _, string error) = await Command.Run(command);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        File.WriteAllText(description, File.ReadAllText(description).Replace("\"mean\": ", "\"mean\": 1", StringComparison.Ordinal));
        (code, _, error) = await Command.Run(command);
        Assert.That(code, Is.EqualTo(ExitCodes.Usage));
        Assert.That(error, Does.Contain("model: my-mlp ").And.Contain("choose another folder"));
    }

    [TestCase("MPRT")]
    [TestCase("Efficient MPRT")]
    [TestCase("Avg sensitivity")]
    [TestCase("Local Lipschitz")]
    public async Task RandomMetricsDependOnTheSeed(string column)
    {
        using TemporaryFolder folder = new();
        string data = folder.File("loan.csv"); // one row, so that the seed does not choose
        File.WriteAllLines(data, File.ReadLines(Assets.Path("lending_club", "lending_club.csv")).Take(2));
        List<string> numbers = [];
        foreach (string seed in new[] { "1", "2" })
        {
            (int code, _, string error) = await Command.Run(
                ["evaluate", "tabular", "--data", data, "-o", folder.File(seed), "--seed", seed, "--quick", "--methods", "gradient-x-input", "--metrics", "mprt,efficient-mprt,avg-sensitivity,lipschitz"]);
            Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
            string[] lines = File.ReadAllLines(folder.File($"{seed}/lending-mlp/results.csv"));
            numbers.Add(lines[1].Split(',')[lines[0].Split(',').Index().First(head => head.Item.StartsWith(column, StringComparison.Ordinal)).Index]);
        }

        Assert.That(numbers[0], Is.Not.EqualTo(numbers[1]).And.Not.EqualTo("NaN"));
    }

    [TestCase("Known: backtrace, ", "tabular", "--methods", "magic")]
    [TestCase("grad-cam", "text", "--methods", "grad-cam")]
    [TestCase("Did you mean integrated-gradients? Known: ", "tabular", "--methods", "IntegratedGradients,backtrace")]
    [TestCase("Did you mean grad-cam, lime?", "image", "--methods", "gradcam,LIME")]
    [TestCase("beauty here. Known: deletion", "image", "--metrics", "beauty", "-m", "no-such-model")]
    [TestCase("Did you mean max-sensitivity?", "image", "--metrics", "deletion,max-sensitivty")]
    [TestCase("--absent is for pictures", "text", "--absent", "mean")]
    [TestCase("Known: deletion", "image", "--metrics", "beauty", "-m", "resnet20", "--samples", "1")]
    [TestCase("is no classifier of pictures", "image", "-m", "lending-mlp")]
    [TestCase("two models are called resnet20", "image", "-m", "resnet20", "other/resnet20/")]
    [TestCase("reads no table rows", "tabular", "-m", "resnet20")]
    [TestCase("sound", "sound")]
    public async Task WhatDoesNotFitIsSaid(string said, params string[] arguments)
    {
        using TemporaryFolder folder = new();
        (int code, _, string error) = await Command.Run(["evaluate", .. arguments, "-o", folder.File("out/of/models")]);
        Assert.That(code, Is.EqualTo(ExitCodes.Usage), error);
        Assert.That(error, Does.Contain(said).And.Not.Contain("   at "));
        Assert.That(Directory.Exists(folder.File("out")), Is.False, "nothing was written");
    }

    [Test]
    public async Task AFolderThatCannotBeWrittenIsSaidFirst()
    {
        using TemporaryFolder folder = new();
        string file = folder.Write("taken", "a file");
        (int code, _, string error) = await Command.Run(["evaluate", "tabular", "-m", "no-such-model", "-o", Path.Combine(file, "results")]);
        Assert.That(code, Is.EqualTo(ExitCodes.Input), error);
        Assert.That(error, Does.Contain("--out: nothing can be written to"));
    }

    [Test]
    public async Task TablesHoldTheMethodsOfEarlierRunsInTheFolder()
    {
        using TemporaryFolder folder = new();
        string[] options = ["evaluate", "tabular", "-o", folder.Path, "--quick", "--metrics", "complexity", "-n"];
        await Command.Run([.. options, "2", "--methods", "gradient,lrp-epsilon"]);
        (int code, string output, string error) = await Command.Run([.. options, "2", "--methods", "vargrad"]);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        string page = File.ReadAllText(folder.File("index.html"));
        (_, string more, _) = await Command.Run([.. options, "3", "--methods", "vargrad"]);
        Assert.Multiple(() =>
        {
            Assert.That(output, Does.Contain("| Gradient |").And.Contain("| LRP-ε |").And.Contain("| VarGrad (50) |"));
            Assert.That(page, Does.Contain("<b>4</b>methods"));
            Assert.That(more, Does.Contain("| VarGrad (50) |").And.Not.Contain("| Gradient |"), "which was not measured on the third row");
        });
    }

    [Test]
    public async Task DataWithoutUsableInputsIsRefused()
    {
        using TemporaryFolder folder = new();
        string data = folder.Write("short.tsv", "a fine film\t1\n");
        (int code, _, string error) = await Command.Run(["evaluate", "text", "-m", "lstm-sst2", "--data", data, "-o", folder.File("out"), .. Few]);
        Assert.That(code, Is.EqualTo(ExitCodes.Input), error);
        Assert.That(error, Does.Contain("short.tsv").And.Contain("no input that can be explained"));
        Assert.That(Directory.Exists(folder.File("out")), Is.False);
    }

    [Test]
    public async Task ATableThatDoesNotFitLeavesNoFolder()
    {
        using TemporaryFolder folder = new();
        string[] command = ["evaluate", "tabular", "-m", "lending-mlp", "-o", folder.File("out"), "-n", "1", "--metrics", "sparseness"];
        (int code, _, string error) = await Command.Run([.. command, "--methods", "gradient", "--data", folder.Write("t.csv", "a\n1\n")]);
        Assert.That(code, Is.EqualTo(ExitCodes.Input), error);
        Assert.That(Directory.Exists(folder.File("out")), Is.False);
    }

    [Test]
    public async Task TextsThatAreLeftOutAreCounted()
    {
        using TemporaryFolder folder = new();
        string data = folder.Write("some.tsv", "a fine film indeed\t1\nfine\t1\nfine film\t1\nthis is a very bad film\t0\n");
        string[] command = ["evaluate", "text", "-m", "lstm-sst2", "--data", data, "--methods", "gradient", "-n", "7", "-o", folder.Path];
        (int code, string output, string error) = await Command.Run(command);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        (_, string json, _) = await Command.Run([.. command, "--json"]);
        const string Short = "2 texts are left out: fewer than 4 tokens.", Few = "7 inputs were asked for; 2 can be explained.";
        Assert.Multiple(() =>
        {
            foreach (string place in new[] { output, json, File.ReadAllText(folder.File("results.md")), File.ReadAllText(folder.File("index.html")) })
                Assert.That(place, Does.Contain(Short).And.Contain(Few));
        });
    }

    [Test]
    public async Task ManyColumnsAreDeletedInSteps()
    {
        using TemporaryFolder folder = new();
        string data = Table(folder, 120);
        (int code, string output, string error) = await Command.Run("evaluate", "tabular", "-m", folder.File("mine"), "--data", data, "--quick", "-n", "1", "--methods", "gradient", "--metrics", "deletion", "-o", folder.File("out"));
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(output, Does.Contain("takes features away in 75 steps of about equal size where an input has more of them, as up to 120 features here."));
    }

    [Test]
    public async Task ThousandsOfColumnsGoWithoutKernelShapUnlessItIsNamed()
    {
        using TemporaryFolder folder = new();
        string data = Table(folder, 1001);
        string[] command = ["evaluate", "tabular", "-m", folder.File("mine"), "--data", data, "--quick", "-n", "1", "--metrics", "sparseness", "-o", folder.File("out")];
        (int code, string output, string error) = await Command.Run(command);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(output, Does.Contain("Left out: kernel-shap: solves a regression of 1,001 unknowns").And.Contain("| LIME (200) |"));
        (_, output, _) = await Command.Run([.. command, "--methods", "kernel-shap"]);
        Assert.That(output, Does.Contain("| KernelSHAP (2252) |"));
    }

    [Test]
    public async Task RowsWhoseClassIsNotKnownAreExplained()
    {
        using TemporaryFolder folder = new();
        string[] loans = [.. File.ReadLines(Assets.Path("lending_club", "lending_club.csv")).Take(4)];
        string target = loans[1].Split(',')[^1];
        string data = folder.Write("new.csv", string.Join('\n', loans).Replace($",{target}\n", ",\n", StringComparison.Ordinal));
        (int code, _, string error) = await Command.Run(["evaluate", "tabular", "--data", data, "-o", folder.File("out"), "--metrics", "complexity", .. Few]);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
    }

    [Test]
    public async Task AQuickRunHasCoalitionsEnoughForALongText()
    {
        using TemporaryFolder folder = new();
        string texts = folder.Write("long.tsv", $"a fine film indeed\t1\n{string.Join(' ', Enumerable.Repeat("a fine film", 45))}\t1\n");
        (int code, string output, string error) = await Command.Run("evaluate", "text", "--quick", "--model", "lstm-sst2", "--data", texts, "--methods", "kernel-shap", "--metrics", "deletion", "--out", folder.File("out"));
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(output, Does.Contain("| KernelSHAP (303) |"));
    }

    [Test]
    public async Task TextsThatALanguageModelCannotReadWholeAreLeftOut()
    {
        using TemporaryFolder folder = new();
        string data = folder.Write("texts.txt", $"{string.Concat(Enumerable.Repeat("One day ", 600))}\nOnce upon a time there was\n");
        (int code, _, string error) = await Command.Run(["evaluate", "text", "-m", "stories260k", "--data", data, "--methods", "gradient", "-o", folder.File("out")]);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(File.ReadAllLines(folder.File("out/stories260k/results.csv")).Skip(1), Has.All.Contains(",line 2,"));
    }

    [Test]
    public async Task MethodsThatWereAskedForAndDoNotFitAreNamed()
    {
        using TemporaryFolder folder = new();
        (int code, string output, string error) = await Command.Run(["evaluate", "text", "-m", "lstm-sst2", "--quick", "-n", "1", "--methods", "attention-rollout,gradient", "-o", folder.Path]);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(output, Does.Contain("Left out: attention-rollout: is for networks with attention"));
    }

    [Test]
    public async Task OfAFolderOnlyTheDrawnPicturesAreRead()
    {
        using TemporaryFolder folder = new();
        string data = Directory.CreateDirectory(folder.File("pictures")).FullName;
        string[] options = ["evaluate", "image", "-m", "resnet20", "--data", data, "--quick", "-n", "1", "--methods", "gradient", "--metrics", "deletion"];
        foreach (string picture in Directory.EnumerateFiles(Assets.Path("cifar10"), "*.png").Order(StringComparer.Ordinal).Take(3))
            File.Copy(picture, Path.Combine(data, Path.GetFileName(picture)));
        (int code, _, string error) = await Command.Run([.. options, "-o", folder.File("all")]);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        string drawn = File.ReadAllLines(folder.File("all/resnet20/results.csv"))[1].Split(',')[1];
        foreach (string other in Directory.EnumerateFiles(data).Where(file => Path.GetFileName(file) != drawn))
            File.WriteAllText(other, "no picture"); // would stop the run if it were read
        (code, _, error) = await Command.Run([.. options, "-o", folder.File("one")]);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
    }

    [Test]
    public async Task RowsOfAnotherTableAreNotCalledUnseen()
    {
        using TemporaryFolder folder = new();
        string data = folder.File("loans.csv");
        File.WriteAllLines(data, File.ReadLines(Assets.Path("lending_club", "lending_club.csv")).Take(40));
        (int code, _, string error) = await Command.Run(["evaluate", "tabular", "--data", data, "-o", folder.File("out"), "--metrics", "complexity", .. Few]);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        string table = File.ReadAllText(folder.File("out/results.md"));
        Assert.That(table, Does.Contain("rows of loans.csv").And.Not.Contain("never saw"));
    }

    [Test]
    public async Task HelpShowsExamples()
    {
        (_, string output, _) = await Command.Run("evaluate", "--help");
        Assert.That(output, Does.Contain("backtrace evaluate tabular --quick").And.Contain("continues an interrupted run"));
    }

    // A table of random numbers, and a model of it in "mine".
    private static string Table(TemporaryFolder folder, int columns)
    {
        Random random = new(1);
        IEnumerable<string> rows = Enumerable.Range(0, 60).Select(row => string.Join(',', Enumerable.Range(0, columns).Select(_ => random.Next(100))) + (row % 2 == 0 ? ",yes" : ",no"));
        string data = folder.Write("wide.csv", string.Join('\n', rows.Prepend(string.Join(',', Enumerable.Range(0, columns).Select(k => $"c{k}")) + ",t")));
        Command.Run("train", "tabular", "--data", data, "--out", folder.File("mine"), "--epochs", "1").GetAwaiter().GetResult();
        return data;
    }

    private static string[] WithoutCosts(string csv)
    {
        string[] lines = File.ReadAllLines(csv);
        int seconds = Array.IndexOf(lines[0].Split(','), "seconds");
        return [.. lines.Select(line => string.Join(',', line.Split(',').Where((_, k) => k != seconds && k != seconds + 1)))];
    }

    [Test]
    public async Task AModelOfOnesOwnNeedsATableOfItsOwn()
    {
        using TemporaryFolder folder = new();
        string data = folder.Write("t.csv", "n,t\n" + string.Concat(Enumerable.Range(0, 100).Select(k => $"{k},{(k % 3 == 0 ? "yes" : "no")}\n")));
        await Command.Run("train", "tabular", "--data", data, "--out", folder.File("mine"), "--epochs", "1");
        (int code, _, string error) = await Command.Run("evaluate", "tabular", "-m", folder.File("mine"), "-o", folder.File("out"));
        Assert.That(code, Is.EqualTo(ExitCodes.Usage));
        Assert.That(error, Does.Contain("--data: name a table for mine"));
    }
}
