using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Cli.Demo;
using Backtrace.Gpu.Cli.Pages;
using Backtrace.Gpu.Cli.Pictures;
using Backtrace.Gpu.Evaluation.Experiments;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Models.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Cli.Evaluating;

/// <summary>Rows of a table: of the one that the model was trained on, those that training never saw. A feature is a column: its one-hot numbers go together.</summary>
internal sealed class TabularBench : Bench
{
    private const string Loans = "lending_club.csv";
    private const int Usual = 200, Quick = 12, Bars = 6;
    private readonly TabularPreprocessing preprocessing;
    private readonly TabularRows table;
    private readonly int[] positions; // of the columns
    private readonly IReadOnlyList<int> rows;
    private readonly Features features;
    private readonly bool isSplit;
    private readonly List<Subject> subjects = [];

    internal TabularBench(ModelPackage package, EvaluateRequest request) : base(package, request)
    {
        preprocessing = package.Description.Preprocessing as TabularPreprocessing
            ?? throw new UsageException($"{package.Name} reads no table rows; evaluate tabular needs a model that does.");
        Model = new ExplainedModel(package.Module);
        if (request.Data is null && package.Description.Training?.Data != Loans)
            throw new UsageException($"--data: name a table for {package.Name}, best the one that it was trained with; the table that is used by default has other columns.");
        Data = request.Data ?? DemoData.Default(Path.Combine("lending_club", Loans));
        CsvTable read = CsvTable.Read(Data);
        table = preprocessing.EncodeRows(read, [.. Enumerable.Range(0, read.Rows.Count)]);
        positions = [.. preprocessing.Columns.Select(column => read.IndexOf(column.Name))];
        int[] labels = [.. table.Labels.OfType<int>()];
        features = Features.Columns(preprocessing.Columns.Select(column => column.Width));
        StratifiedSplit? split = package.Description.Training is { } training && training.Data == Path.GetFileName(Data) && training.Rows == labels.Length && labels.Length == read.Rows.Count
            ? StratifiedSplit.Create(labels, training.Seed) : null;
        IReadOnlyList<int> all = table.Rows;
        isSplit = split is not null;
        using Tensor trained = tensor((split?.Train ?? all).Select(row => (long)row).ToArray());
        Training = table.Values.index_select(0, trained);
        rows = Draw(split?.Test ?? all, request.Samples ?? (request.IsQuick ? Quick : Usual), request.Seed);
        using Tensor absent = Typical();
        foreach (int row in rows)
        {
            Tensor input = table.Values.narrow(0, row, 1).clone();
            subjects.Add(new Subject($"row {row}", new Samples(input, tensor(new[] { Answer(Model, input) }), absent.clone(), features)));
        }
    }

    internal override ExplainedModel Model { get; }

    internal override IReadOnlyList<Subject> Subjects => subjects;

    internal override (string One, string Many) Inputs => isSplit ? ("row that training never saw", "rows that training never saw") : ($"row of {Path.GetFileName(Data)}", $"rows of {Path.GetFileName(Data)}");

    internal override string Absent => $"the mean of the {(isSplit ? "training rows" : "table's rows")} for numbers, their most frequent word for words";

    internal override string Data { get; }

    /// <summary>The rows that the model was trained on, encoded, [rows, width]; of another table, all its rows.</summary>
    internal Tensor Training { get; }

    internal override string ExampleWidth => "330px";

    internal override Markup ExampleHead(int subject) =>
        $"""<h3>{subjects[subject].Name}: judged {Package.Description.Classes[(int)subjects[subject].Samples.Targets.item<long>()]}</h3>""";

    internal override Markup Example(int subject, string method, float[] attributions)
    {
        float[] sums = preprocessing.SumPerColumn(attributions);
        double total = Math.Max(sums.Sum(value => Math.Abs((double)value)), double.Epsilon);
        IReadOnlyList<string> cells = [.. positions.Select(position => table.Table.Rows[rows[subject]][position])];
        IEnumerable<Bar> bars = preprocessing.Columns.Select((column, k) => new Bar(LoanWords.Name(column), sums[k] / total, LoanWords.Cell(column, cells[k])));
        return $"""<article class="card"><h3>{method}</h3>{BarChart.Inline([.. bars.OrderByDescending(bar => Math.Abs(bar.Value)).Take(Bars)], $"{method}: shares of the columns")}</article>""";
    }

    public override void Dispose()
    {
        base.Dispose();
        Training.Dispose();
        table.Dispose();
        features.Dispose();
    }

    // Standardised numbers have the mean 0; of a one-hot group the number that is 1 most often is 1. [1, width]
    private Tensor Typical()
    {
        using DisposeScope scope = NewDisposeScope();
        float[] means = Training.mean([0]).data<float>().ToArray(), typical = new float[means.Length];
        int offset = 0;
        foreach (TabularColumn column in preprocessing.Columns)
        {
            Span<float> group = means.AsSpan(offset, column.Width);
            if (column is NumericColumn)
                typical[offset] = group[0];
            else
                typical[offset + group.IndexOf(group.ToArray().Max())] = 1;
            offset += column.Width;
        }

        return tensor(typical, [1, typical.Length]).MoveToOuterDisposeScope();
    }
}
