namespace Backtrace.Gpu.Runs;

/// <summary>
/// Where the relevance went, node by node. For every node, in = out + bias + dropped + constants; over the whole run,
/// start = input + bias + dropped + constants.
/// </summary>
public sealed class Ledger
{
    internal Ledger(IReadOnlyList<LedgerLine> lines, float[] start, float[] input)
    {
        Lines = lines;
        Start = start;
        Input = input;
    }

    /// <summary>One line per node that relevance passed, in the order of the run (from the output to the inputs).</summary>
    public IReadOnlyList<LedgerLine> Lines { get; }

    /// <summary>Start relevance, [rows]: one entry per sample, or one in all (<see cref="BacktracerOptions.LedgerPerSample"/>).</summary>
    public IReadOnlyList<float> Start { get; }

    /// <summary>Relevance that reached the explained inputs, [rows].</summary>
    public IReadOnlyList<float> Input { get; }

    /// <summary>What biases took in all, [rows].</summary>
    public float[] Bias => Total(line => line.Bias);

    /// <summary>What units with nothing to share among dropped in all, [rows].</summary>
    public float[] Dropped => Total(line => line.Dropped);

    /// <summary>What constants took in all, [rows].</summary>
    public float[] Constants => Total(line => line.Constants);

    /// <summary>Checks that every node handed on or reported what it received, and the run as a whole too.</summary>
    /// <exception cref="LedgerException">It did not: names the first node and the figures.</exception>
    /// <param name="tolerance">Largest share of <paramref name="scale"/>, or of the relevance at the node without its signs, that a node may lose.</param>
    /// <param name="scale">Start relevance without its signs.</param>
    internal void EnsureClosed(double tolerance, double scale)
    {
        scale = Math.Max(scale, 1e-30);
        double allowedInAll = 0;
        foreach (LedgerLine line in Lines)
        {
            // Over all rows: between a stack or a transposition and its undoing, the batch need not be the first axis.
            double arrived = line.In.Sum(v => (double)v), handedOn = line.Out.Sum(v => (double)v), bias = line.Bias.Sum(v => (double)v);
            double dropped = line.Dropped.Sum(v => (double)v), constants = line.Constants.Sum(v => (double)v);
            double rest = arrived - handedOn - bias - dropped - constants;
            double allowed = tolerance * Math.Max(scale, line.Magnitude);
            allowedInAll += allowed;
            if (!(Math.Abs(rest) <= allowed))
            {
                throw new LedgerException(
                    $"{line.Node} ({line.Operator}): relevance {arrived:G6} arrived, {handedOn:G6} was handed on, bias {bias:G3}, dropped {dropped:G3}, constants {constants:G3}; {rest:G3} is missing. Check the rule of this layer, its weights and activations.");
            }
        }

        double start = Start.Sum(v => (double)v), accounted = Input.Concat(Bias).Concat(Dropped).Concat(Constants).Sum(v => (double)v);
        if (!(Math.Abs(start - accounted) <= Math.Max(tolerance * scale, allowedInAll)))
            throw new LedgerException($"Relevance {start:G6} started, {accounted:G6} reached the inputs, biases, constants or was dropped: {start - accounted:G3} stayed on the way.");
    }

    private float[] Total(Func<LedgerLine, IReadOnlyList<float>> column)
    {
        double[] total = new double[Start.Count];
        foreach (LedgerLine line in Lines)
        {
            for (int row = 0; row < total.Length; row++)
                total[row] += column(line)[row];
        }

        return [.. total.Select(t => (float)t)];
    }
}

/// <summary>The account of one node, [rows] each. Rows are samples where the batch is the first axis of the node's tensors.</summary>
/// <param name="Node">Name of the node.</param>
/// <param name="Operator">What it computes.</param>
/// <param name="In">Relevance that arrived at its outputs.</param>
/// <param name="Out">Relevance handed to its inputs.</param>
/// <param name="Bias">Share of the bias.</param>
/// <param name="Dropped">Relevance of units whose denominator was zero.</param>
/// <param name="Constants">Relevance handed to operands that do not depend on the explained inputs.</param>
public sealed record LedgerLine(
    string Node,
    string Operator,
    IReadOnlyList<float> In,
    IReadOnlyList<float> Out,
    IReadOnlyList<float> Bias,
    IReadOnlyList<float> Dropped,
    IReadOnlyList<float> Constants)
{
    /// <summary>What arrived and was handed on, without signs, over all rows; 0 unless rules are signed.</summary>
    internal double Magnitude { get; init; }
}
