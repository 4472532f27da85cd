using System.CommandLine;
using System.CommandLine.Help;
using System.Runtime.InteropServices;
using Backtrace.Gpu.Cli;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Cli;

public sealed class CommandLineTests
{
    [Test]
    public async Task HelpListsTheCommands()
    {
        (int code, string output, _) = await Command.Run("--help");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok));
        Assert.That(output, Does.Contain("train").And.Contain("--verbose").And.Contain("Exit codes"));
    }

    [TestCase("explain")]
    [TestCase("evaluate")]
    [TestCase("demo")]
    [TestCase("devices")]
    [TestCase("train tabular")]
    [TestCase("train text")]
    public async Task HelpNamesEachDefaultOnce(string command)
    {
        (_, string output, _) = await Command.Run([.. command.Split(' '), "--help"]);
        Assert.That(output.Split('\n').Where(line => line.Split("[default:").Length > 2), Is.Empty);
    }

    [Test]
    public async Task TrainingWritesAModelFolderAndSaysHowGoodItIs()
    {
        using TemporaryFolder folder = new();
        string[] lines = File.ReadAllLines(Assets.Path("lending_club", "lending_club.csv"));
        string data = folder.Write("loans.csv", string.Join('\n', lines.Take(600)));
        (int code, string output, string error) = await Command.Run("train", "tabular", "--data", data, "--out", folder.File("m"), "--epochs", "2", "--title", "Loans");
        Assert.Multiple(() =>
        {
            Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
            Assert.That(output, Does.Contain("AUC").And.Contain("Loans").And.Contain("logistic"));
            Assert.That(File.Exists(folder.File("m/model.safetensors")));
            Assert.That(File.ReadAllText(folder.File("m/model.json")), Does.Contain("\"test auc\""));
        });
    }

    [Test]
    public async Task TrainingATextClassifierSaysHowGoodItIs()
    {
        using TemporaryFolder folder = new();
        string data = folder.Write("train.tsv", string.Join('\n', File.ReadLines(Assets.Path("sst2", "glue_dev.tsv")).Take(20)));
        (int code, string output, string error) = await Command.Run(
            "train", "text", "--data", data, "--dev", data, "--test", data, "--model", "lstm", "--out", folder.File("m"), "--epochs", "1", "--min-count", "1", "--title", "Films");
        Assert.Multiple(() =>
        {
            Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
            Assert.That(output, Does.Contain("Films: 19 texts").And.Contain("dev accuracy").And.Contain("test accuracy"));
            Assert.That(File.ReadAllText(folder.File("m/model.json")), Does.Contain("\"dev accuracy\"").And.Contain("\"kind\": \"lstm\""));
            Assert.That(File.Exists(folder.File("m/vocab.txt")));
        });
    }

    [Test]
    public async Task AnUnwritableFolderIsSaidBeforeTraining()
    {
        using TemporaryFolder folder = new();
        string file = folder.Write("file", ""), output = Path.Combine(file, "m"), table = folder.Write("t.csv", "a,b\n1,2\n"), texts = folder.Write("t.tsv", "fine\tgood\n");
        // Training would refuse a table without such a column, and texts of one class.
        foreach (string[] arguments in new string[][] { ["tabular", "--data", table, "--target", "none"], ["text", "--data", texts, "--dev", texts, "--model", "lstm"] })
        {
            (int code, _, string error) = await Command.Run(["train", .. arguments, "--out", output]);
            Assert.That(code, Is.EqualTo(ExitCodes.Input));
            Assert.That(error, Does.Contain($"--out: nothing can be written to {output}"));
            (code, _, error) = await Command.Run(["train", .. arguments, "--out", folder.File("m")]);
            Assert.That(error, Does.Not.Contain("--out"), "it is training that complains");
            Assert.That(Directory.Exists(folder.File("m")), Is.False, "nothing was written");
        }
    }

    [TestCase("train", "text", "--data", "x", "--dev", "x", "--out", "y", "--model", "tree")]
    [TestCase("train", "text", "--data", "x", "--dev", "x", "--out", "y", "--model", "lstm", "--epochs", "0")]
    [TestCase("explode")]
    [TestCase("train", "tabular")]
    [TestCase("train", "tabular", "--data", "x", "--out", "y", "--epochs", "many")]
    [TestCase("train", "tabular", "--data", "x", "--out", "y", "--epochs", "0")]
    public async Task WrongArgumentsAreAUsageError(params string[] arguments)
    {
        (int code, _, string error) = await Command.Run(arguments);
        Assert.That(code, Is.EqualTo(ExitCodes.Usage));
        Assert.That(error, Is.Not.Empty);
    }

    [Test]
    public async Task AnUnusableFileIsOneLineAndItsOwnCode()
    {
        using TemporaryFolder folder = new();
        string data = folder.Write("t.csv", "a,b\n1\n");
        (int code, _, string error) = await Command.Run("train", "tabular", "--data", data, "--out", folder.File("m"));
        Assert.That(code, Is.EqualTo(ExitCodes.Input));
        Assert.That(error.TrimEnd().Split('\n'), Has.Length.EqualTo(1));
        Assert.That(error, Does.Contain(data).And.Contain("line 2").And.Not.Contain("   at "));
    }

    [TestCase("train text --data x --dev x --out y --model tree", "'tree' is neither lstm nor bert")]
    [TestCase("explain -m mnist-mlp -i --layers all", "--input has no value before --layers.")]
    [TestCase("explain -m mnist-mlp -i a.png --lyaers all", "'--lyaers' is no option")]
    [TestCase("explain -m bert-tiny-sst2 --text fine --jsn", "'--jsn' is no option")]
    [TestCase("evaluate tabular --methods random --metrisc deletion", "'--metrisc' is no option")]
    [TestCase("evaluate tabular --seed one", "--seed must be a whole number between")]
    [TestCase("devices --jsn", "Did you mean --json?")]
    [TestCase("explain -m mnist-mlp -i a.png --lyaers all", "Did you mean --layers?")]
    [TestCase("explain --modle mnist-mlp", "Did you mean --model or --mode?")]
    [TestCase("explain --verbos", "Did you mean --verbose?")]
    public async Task MisspeltOptionsAreNamedWithoutAPageOfHelp(string line, string said)
    {
        (int code, string output, string error) = await Command.Run(line.Split(' '));
        Assert.That(code, Is.EqualTo(ExitCodes.Usage));
        Assert.That(output + error, Does.Contain(said).And.Contain($"Run 'backtrace {line.Split(" -")[0].Replace(" tabular", "", StringComparison.Ordinal)} --help'").And.Not.Contain("Usage:"));
    }

    [TestCase("explian", "Did you mean explain?")]
    [TestCase("explain -m resnet65 -i a.png", "Did you mean resnet56?")]
    [TestCase("explain -m mnist-mlp -i a.png --device cdua:0", "Did you mean cuda?")]
    [TestCase("explain -m bert-tiny-sst2 --text fine --target postive", "Did you mean positive?")]
    public async Task MisspeltNamesGetTheNearest(string line, string said)
    {
        (int code, string output, string error) = await Command.Run(line.Split(' '));
        Assert.That(code, Is.EqualTo(line.Contains("-m resnet", StringComparison.Ordinal) ? ExitCodes.Model : ExitCodes.Usage));
        Assert.That(error, Does.Contain(said));
        Assert.That(output, Does.Not.Contain("Did you mean"));
    }

    [Test]
    public void EveryDefaultIsStated()
    {
        foreach (Option option in AllOf(CommandLine.CreateRoot()).SelectMany(command => command.Options))
        {
            bool needsNone = option.Required || option.ValueType == typeof(bool) || option is HelpOption or VersionOption || option.Name is "--title" or "--source" or "--test" or "--input" or "--text";
            Assert.That(needsNone || option.Description!.Contains("[default: ", StringComparison.Ordinal) || option.HasDefaultValue && option.GetDefaultValue() is not Array { Length: not 1 }, option.Name);
        }

        static IEnumerable<System.CommandLine.Command> AllOf(System.CommandLine.Command command) => command.Subcommands.SelectMany(AllOf).Prepend(command);
    }

    [TestCase]
    [TestCase("train")]
    public async Task AMissingCommandShowsThoseThatThereAre(params string[] line)
    {
        (int code, string output, _) = await Command.Run(line);
        Assert.That(code, Is.EqualTo(ExitCodes.Usage));
        Assert.That(output, Does.Contain("Commands:"));
    }

    [Test]
    public async Task VerboseAddsTheStack()
    {
        (int code, _, string error) = await Command.Run("train", "tabular", "--data", "/nowhere.csv", "--out", "/nowhere", "--verbose");
        Assert.That(code, Is.EqualTo(ExitCodes.Input));
        Assert.That(error, Does.Contain("   at "));
    }

    [Test]
    public void EveryKindOfFailureHasItsCode() => Assert.Multiple(() =>
    {
        Assert.That(Code(new OperationCanceledException()), Is.EqualTo(130));
        Assert.That(Code(new UsageException("x")), Is.EqualTo(2));
        Assert.That(Code(new Backtrace.Gpu.Models.InvalidInputException("f", "x")), Is.EqualTo(3));
        Assert.That(Code(new FileNotFoundException("x")), Is.EqualTo(3));
        Assert.That(Code(new Backtrace.Gpu.Models.ModelException("x")), Is.EqualTo(4));
        Assert.That(Code(new Backtrace.Gpu.Interop.SafeTensorsException("f", "t", "x")), Is.EqualTo(4));
        Assert.That(Code(new InsufficientMemoryException()), Is.EqualTo(6));
        Assert.That(Code(new InvalidOperationException("x")), Is.EqualTo(1));
    });

    [Test]
    public void OfLibtorchsErrorsThereIsOneLine()
    {
        using Tensor pair = ones(2);
        Exception failure = Assert.Catch<ExternalException>(() => pair.reshape(3))!;
        ExitCodes.Of(failure, out string message);
        Assert.That(message, Is.EqualTo("error: libtorch: shape '[3]' is invalid for input of size 2"));
    }

    private static int Code(Exception exception) => ExitCodes.Of(exception, out _);

    [Test]
    public async Task ErrorsThatNobodyCanReadEndInTheirCodeToo()
    {
        using StringWriter output = new();
        using FullWriter full = new();
        Assert.That(await CommandLine.RunAsync(["train", "tabular", "--data", "/nowhere.csv", "--out", "/nowhere"], output, full), Is.EqualTo(ExitCodes.Input));
        Assert.That(await CommandLine.RunAsync(["explain", "--jsn"], output, full), Is.EqualTo(ExitCodes.Usage));
        using TemporaryFolder folder = new();
        string table = folder.Write("l.csv", string.Join('\n', [.. File.ReadLines(Assets.Path("lending_club", "lending_club.csv")).Take(3), "1,2"]));
        Assert.That(await CommandLine.RunAsync(["explain", "-m", "lending-mlp", "-i", table, "-o", folder.File("out"), "--skip-bad"], output, full), Is.EqualTo(ExitCodes.Ok));
        Assert.That(full.Tried, Is.Positive);
    }

    [TestCase("train tabular --out m --data")]
    [TestCase("train text --out m --model lstm --dev x --data")]
    [TestCase("train text --out m --model lstm --data x --test x --dev")]
    [TestCase("evaluate tabular --data")]
    public async Task AnEmptyNameOfAFileIsAUsageError(string line)
    {
        (int code, _, string error) = await Command.Run([.. line.Split(' '), ""]);
        Assert.That(code, Is.EqualTo(ExitCodes.Usage));
        Assert.That(error, Does.Contain($"{line.Split(' ')[^1]}: a file's name is empty"));
    }

    [Test]
    public async Task ColumnsThatSayNothingAreNamed()
    {
        using TemporaryFolder folder = new();
        string data = folder.Write("t.csv", "n,same,word,NA column,t\n" + string.Concat(Enumerable.Range(0, 100).Select(k => $"{k},7,w,NA,{(k % 3 == 0 ? "yes" : "no")}\n")));
        (int code, string output, string error) = await Command.Run("train", "tabular", "--data", data, "--out", folder.File("m"), "--epochs", "1");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        foreach (string column in new[] { "same", "word", "NA column" })
            Assert.That(output, Does.Contain($"column '{column}': is the same in all rows, so it says nothing"));
        Assert.That(output, Does.Not.Contain("column 'n'"));
    }

    private sealed class FullWriter : StringWriter
    {
        internal int Tried { get; private set; }

        public override void Write(char value) => Refuse();

        public override void Write(string? value) => Refuse();

        public override void Write(char[] buffer, int index, int count) => Refuse();

        public override void WriteLine(string? value) => Refuse();

        public override Task WriteLineAsync(string? value)
        {
            Refuse();
            return Task.CompletedTask;
        }

        private void Refuse()
        {
            Tried++;
            throw new IOException("No space left on device");
        }
    }
}
