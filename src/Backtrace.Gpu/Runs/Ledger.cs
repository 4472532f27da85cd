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

    /// <summary>What biases took in all, [rows]. These are samples as far as <see cref="BacktracerOptions.LedgerPerSample"/> says; so below.</summary>
    public float[] Bias => Total(line => line.Bias);

    /// <summary>What units with nothing to share among dropped in all, [rows].</summary>
    public float[] Dropped => Total(line => line.Dropped);

    /// <summary>What constants took in all, [rows].</summary>
    public float[] Constants => Total(line => line.Constants);

    /// <summary>Whether the rows are known to be samples at every node, so that each must close by itself.</summary>
    internal bool RowsAreSamples { get; init; }

    /// <summary>Checks that every node handed on or reported what it received, and the run as a whole too; for every sample, where samples can be told apart.</summary>
    /// <exception cref="LedgerException">It did not: names the first node and the figures.</exception>
    /// <param name="tolerance">Largest share of the scale, or of the relevance at the node without its signs, that a node may lose.</param>
    /// <param name="scales">Start relevance without its signs, [rows].</param>
    internal void EnsureClosed(double tolerance, IReadOnlyList<double> scales)
    {
        EnsureClosed(tolerance, scales.Sum(), "", values => values.Sum(v => (double)v));
        bool isSigned = Lines.Any(line => line.Magnitude > 0); // magnitudes are of all rows
        for (int row = 0; RowsAreSamples && !isSigned && row < scales.Count; row++)
            EnsureClosed(tolerance, scales[row], $" of sample {row}", values => values[row]);
    }

    // Over all rows, or over one: between a stack or a transposition and its undoing, the batch need not be the first axis.
    private void EnsureClosed(double tolerance, double scale, string whose, Func<IReadOnlyList<float>, double> read)
    {
        scale = Math.Max(scale, 1e-30);
        double allowedInAll = 0, left = 0;
        foreach (LedgerLine line in Lines)
        {
            double arrived = read(line.In), handedOn = read(line.Out), bias = read(line.Bias), dropped = read(line.Dropped), constants = read(line.Constants);
            double rest = arrived - handedOn - bias - dropped - constants;
            double allowed = tolerance * Math.Max(scale, line.Magnitude);
            allowedInAll += allowed;
            left += bias + dropped + constants;
            if (!(Math.Abs(rest) <= allowed))
            {
                throw new LedgerException(
                    $"{line.Node} ({line.Operator}): relevance {arrived:G6}{whose} arrived, {handedOn:G6} was handed on, bias {bias:G3}, dropped {dropped:G3}, constants {constants:G3}; {rest:G3} is missing. Check the rule of this layer, its weights and activations.")
                {
                    Node = line.Node,
                };
            }
        }

        double start = read(Start), accounted = read(Input) + left;
        if (!(Math.Abs(start - accounted) <= Math.Max(tolerance * scale, allowedInAll)))
            throw new LedgerException($"Relevance {start:G6}{whose} started, {accounted:G6} reached the inputs, biases, constants or was dropped: {start - accounted:G3} stayed on the way.");
    }

    private float[] Total(Func<LedgerLine, IReadOnlyList<float>> column)
    {
        double[] total = new double[Start.Count];
        foreach (LedgerLine line in Lines)
        {
            IReadOnlyList<float> rows = column(line);
            for (int row = 0; row < total.Length; row++)
                total[row] += rows[row];
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
