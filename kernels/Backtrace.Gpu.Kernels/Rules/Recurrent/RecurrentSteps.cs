namespace Backtrace.Gpu.Kernels.Rules.Recurrent;

/// <summary>Which rows of a batch of sequences are still there at each step, and where they lie.</summary>
/// <param name="Rows">Sequences at each step: never more than at the step before.</param>
/// <param name="BatchFirst">A sequence's steps lie side by side; all sequences have all steps then. Otherwise a step's sequences do.</param>
public sealed record RecurrentSteps(IReadOnlyList<int> Rows, bool BatchFirst)
{
    /// <summary>Sequences of one length.</summary>
    public static RecurrentSteps Dense(int steps, int batch, bool batchFirst) => new([.. Enumerable.Repeat(batch, steps)], batchFirst);

    /// <summary>Number of steps.</summary>
    public int Count => Rows.Count;

    /// <summary>Number of sequences.</summary>
    public int Batch => Rows[0];

    /// <summary>Rows of all steps.</summary>
    public int Total => Rows.Sum();

    /// <summary>Number of rows before each step, in step order.</summary>
    internal int[] Starts()
    {
        int[] starts = new int[Count];
        for (int k = 1; k < starts.Length; k++)
            starts[k] = starts[k - 1] + Rows[k - 1];
        return starts;
    }
}
