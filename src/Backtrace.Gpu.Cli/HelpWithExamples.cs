using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Backtrace.Gpu.Cli;

/// <summary>The usual help, and below it the examples of the command.</summary>
internal sealed class HelpWithExamples(HelpAction usual) : SynchronousCommandLineAction
{
    private static readonly Dictionary<string, string> Examples = new()
    {
        ["backtrace"] = """
              backtrace demo                                                     explain the demo models, write a page
              backtrace explain --model resnet20 --input photo.png               which pixels decided
              backtrace explain --model lending-mlp --input loans.csv:0-9        which features decided
              backtrace explain --model bert-tiny-sst2 --text "a fine film"      which words decided
              backtrace explain --model stories260k --text "Once" --generate 20  which tokens each token was made from
              backtrace evaluate image --quick                                   which method is the most faithful
              backtrace train tabular --data loans.csv --out my-model            a network for your own table

            Exit codes:
              0 done, 1 unexpected failure, 2 wrong usage, 3 input file, 4 model, 5 unsupported layer, 6 device, 130 cancelled
            """,
        ["evaluate"] = """
              backtrace evaluate tabular --quick
              backtrace evaluate image --model resnet20 --data photos/ --samples 200 --out photos-compared
              backtrace evaluate image --methods backtrace,grad-cam,integrated-gradients --metrics deletion
              backtrace evaluate text --model bert-tiny-sst2 --samples 300 --seed 7

            The folder receives index.html, a page that needs no other file, results.md, and for each model results.csv (a line
            for each method and input, written as it is measured), results.parquet and settings.json. The same command with
            the same --out continues an interrupted run; more --samples or --methods add to it. Methods that an earlier run
            measured on fewer inputs are left out of tables and page until they are named again.
            """,
        ["tabular"] = """
              backtrace train tabular --data loans.csv --out my-model
              backtrace train tabular --data loans.csv --target paid --words zip,region --out my-model --epochs 50

            A column of numbers may have gaps: empty cells, NA, N/A, NaN, null, None, ?. The mean of the training rows takes
            their place, there and in the tables that the model will explain. Any other word among mostly numbers is an error.
            """,
        ["text"] = """
              backtrace train text --data train.tsv --dev dev.tsv --model lstm --out my-model
              backtrace train text --data train.tsv --dev dev.tsv --test test.tsv --model bert --from FOLDER --out my-model

            A line is a text, a tab and its class; a first line whose class is called label, class, target or category is a header.
            """,
        ["explain"] = """
              backtrace explain --model resnet20 --input photo.png
              backtrace explain --model resnet56 --input photos/ --target cat --out result --skip-bad
              backtrace explain --model lending-mlp --input loans.csv:0-9 --ledger
              gunzip -c loans.csv.gz | backtrace explain --model lending-mlp --input - --rows 500000- --out rest
              backtrace explain --model ./my-model --input a.png b.png --dtype bf16 --json
              backtrace explain --model resnet20 --input photo.png --mode contrastive
              backtrace explain --model resnet20 --input photos/ --target cat,dog
              backtrace explain --model resnet20 --layers list
              backtrace explain --model retina-unet --input retina.jpg --target vessel
              backtrace explain --model bert-tiny-sst2 --input sentences.txt
              backtrace explain --model stories260k --text "Once upon a time" --generate 20

            The folder receives relevance*.safetensors for programs (Explanation.Load reads it), a picture (PNG, SVG) for
            each image or table row, a matrix (SVG) for each generated text, relevance.csv for tables, explained.csv for other
            inputs (what was answered, and where its relevance is), and index.html, a page that needs no other file. With
            several targets each has files of its own, relevance-cat.safetensors and so on, and these lists a line for each input
            and target; they share passes, which costs less than a run for each. A class or token with a comma in its name is
            found where it is all of a --target: --target "Once, there" --target cat.
            What an earlier run wrote there and this one does not is taken away, even if it was killed; other files stay. A run
            that fails or is interrupted (Ctrl-C, exit code 130) keeps the relevance that it has and says how much that is, and
            which --rows (of tables, folders of pictures and files of texts) go on with another --out.
            Pictures are PNG, JPEG, WebP, GIF (its first frame), BMP, WBMP or ICO. Tables and texts are UTF-8, or UTF-16 with
            a byte order mark. Colours on the console respect NO_COLOR.
            """,
    };

    /// <summary>Puts the examples under the help of a root command and all below it.</summary>
    internal static void AddTo(RootCommand root)
    {
        HelpOption help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithExamples((HelpAction)help.Action!);
    }

    /// <summary>Help is shown whatever else is missing.</summary>
    public override bool ClearsParseErrors => true;

    /// <inheritdoc/>
    public override int Invoke(ParseResult parseResult)
    {
        int code = usual.Invoke(parseResult);
        Command command = parseResult.CommandResult.Command;
        if (Examples.TryGetValue(command is RootCommand ? "backtrace" : command.Name, out string? examples))
            parseResult.InvocationConfiguration.Output.WriteLine($"Examples:\n{examples}\n");
        return code;
    }
}
