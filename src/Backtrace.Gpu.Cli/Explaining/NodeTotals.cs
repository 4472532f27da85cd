using Backtrace.Gpu.Runs;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>The account of one node over some inputs.</summary>
internal sealed record NodeTotals(string Node, string Operator, double In, double Out, double Bias, double Dropped, double Constants)
{
    /// <summary>Sums over the explanations of a ledger, one line per node in the order of the run.</summary>
    internal static IReadOnlyList<NodeTotals> Of(Ledger ledger) =>
        [.. ledger.Lines.Select(line => new NodeTotals(line.Node, line.Operator, Sum(line.In), Sum(line.Out), Sum(line.Bias), Sum(line.Dropped), Sum(line.Constants)))];

    /// <summary>Means over the explanations of all batches. Batches differ where relevance took another path; a node that it missed counts as zero.</summary>
    internal static IReadOnlyList<NodeTotals> Mean(IEnumerable<IReadOnlyList<NodeTotals>> batches, int inputs)
    {
        Dictionary<(string, string, int), NodeTotals> byNode = [];
        List<(string, string, int)> order = [];
        foreach (IReadOnlyList<NodeTotals> lines in batches)
        {
            Dictionary<(string, string), int> seen = [];
            foreach (NodeTotals line in lines)
            {
                // A module that is used twice has two lines of the same name.
                int use = seen[(line.Node, line.Operator)] = seen.GetValueOrDefault((line.Node, line.Operator), -1) + 1;
                (string, string, int) key = (line.Node, line.Operator, use);
                if (!byNode.TryGetValue(key, out NodeTotals? sum))
                {
                    sum = new NodeTotals(line.Node, line.Operator, 0, 0, 0, 0, 0);
                    order.Add(key);
                }

                byNode[key] = sum.Plus(line, inputs);
            }
        }

        return [.. order.Select(key => byNode[key])];
    }

    private NodeTotals Plus(NodeTotals line, double inputs) => this with
    {
        In = In + line.In / inputs,
        Out = Out + line.Out / inputs,
        Bias = Bias + line.Bias / inputs,
        Dropped = Dropped + line.Dropped / inputs,
        Constants = Constants + line.Constants / inputs,
    };

    private static double Sum(IReadOnlyList<float> rows) => rows.Sum(row => (double)row);
}
