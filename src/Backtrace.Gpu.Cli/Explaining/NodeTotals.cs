using Backtrace.Gpu.Runs;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>The account of one node, on average over all inputs of all batches.</summary>
internal sealed record NodeTotals(string Node, string Operator, double In, double Out, double Bias, double Dropped, double Constants)
{
    /// <summary>One line per node in the order of the run. Batches differ where relevance took another path; a node that it missed counts as zero.</summary>
    internal static IReadOnlyList<NodeTotals> Of(IEnumerable<Ledger> ledgers, int inputs)
    {
        Dictionary<(string, string, int), NodeTotals> byNode = [];
        List<(string, string, int)> order = [];
        foreach (Ledger ledger in ledgers)
        {
            Dictionary<(string, string), int> seen = [];
            foreach (LedgerLine line in ledger.Lines)
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

    private NodeTotals Plus(LedgerLine line, double inputs) => this with
    {
        In = In + Sum(line.In) / inputs,
        Out = Out + Sum(line.Out) / inputs,
        Bias = Bias + Sum(line.Bias) / inputs,
        Dropped = Dropped + Sum(line.Dropped) / inputs,
        Constants = Constants + Sum(line.Constants) / inputs,
    };

    private static double Sum(IReadOnlyList<float> rows) => rows.Sum(row => (double)row);
}
