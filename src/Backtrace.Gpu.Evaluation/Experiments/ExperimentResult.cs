namespace Backtrace.Gpu.Evaluation.Experiments;

/// <summary>Everything that an experiment measured.</summary>
/// <param name="Methods">The methods: those of earlier runs in the folder, then those of the experiment in its order.</param>
/// <param name="Columns">The numbers of each outcome.</param>
/// <param name="Outcomes">One per method and subject.</param>
public sealed record ExperimentResult(IReadOnlyList<string> Methods, IReadOnlyList<Column> Columns, IReadOnlyList<Outcome> Outcomes)
{
    /// <summary>Means and intervals, one per method, in the order of <see cref="Methods"/>.</summary>
    public IReadOnlyList<Summary> Summaries { get; } =
    [
        .. Methods.Select(method => Summary.Of(method, Columns.Count, [.. Outcomes.Where(outcome => outcome.Method == method)])),
    ];

    /// <summary>Methods that are not in the tables, and why: they could not explain the model, or an earlier run measured them on fewer subjects.</summary>
    public IReadOnlyDictionary<string, string> LeftOut { get; init; } = new Dictionary<string, string>();

    /// <summary>Number of subjects.</summary>
    public int Subjects => Methods.Count == 0 ? 0 : Outcomes.Count / Methods.Count;
}
