using Backtrace.Gpu.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>Training data of a table, from which lime_tabular draws its perturbations.</summary>
internal sealed class LimeTable
{
    private readonly float[][] rows;
    private readonly LimeColumn[] columns;

    /// <param name="training">[R, ...].</param>
    internal LimeTable(Tensor training)
    {
        if (training.shape.Length < 2 || training.shape[0] < 1)
            throw new ArgumentException("LIME for tables needs training rows, [R, ...].", nameof(training));
        using DisposeScope scope = NewDisposeScope();
        int width = (int)(training.numel() / training.shape[0]);
        rows = [.. training.detach().to(float32).cpu().contiguous().data<float>().ToArray().Chunk(width)];
        columns = [.. Enumerable.Range(0, width).Select(c => new LimeColumn(rows.Select(row => row[c])))];
    }

    /// <summary>
    /// Perturbations of a sample, the first being itself. A feature of one entry gets a value from a quartile bin and counts as present in the sample's bin; a
    /// feature of several, such as a one-hot group, gets those of a training row and counts as present if they are the sample's.
    /// </summary>
    /// <returns>K inputs, and which features are present in them, [K, M].</returns>
    internal (Tensor Inputs, Tensor Present) Perturb(Samples sample, int count, Random random)
    {
        float[] own = sample.Input.to(float32).cpu().contiguous().data<float>().ToArray();
        if (own.Length != columns.Length)
            throw new ExplainerException($"LIME: samples have {Counted.Of(own.Length, "entry", "entries")}, the training rows {columns.Length}.");
        int[][] entries = Entries(sample.Features);
        float[] inputs = [.. Enumerable.Range(0, count).SelectMany(_ => own)];
        bool[] present = new bool[count * entries.Length];
        Array.Fill(present, true, 0, entries.Length);
        for (int k = 1; k < count; k++)
        {
            Span<float> input = inputs.AsSpan(k * own.Length, own.Length);
            for (int feature = 0; feature < entries.Length; feature++)
                present[k * entries.Length + feature] = Draw(entries[feature], input, own, random);
        }

        return (tensor(inputs).view([count, .. sample.Input.shape.Skip(1)]).to(sample.Input.dtype, sample.Input.device), tensor(present).view(count, entries.Length));
    }

    private bool Draw(int[] entries, Span<float> input, float[] own, Random random)
    {
        if (entries is [int only])
        {
            int bin = columns[only].DrawBin(random);
            input[only] = (float)columns[only].Draw(bin, random);
            return bin == columns[only].Bin(own[only]);
        }

        float[] row = rows[random.Next(rows.Length)];
        bool same = true;
        foreach (int entry in entries)
        {
            input[entry] = row[entry];
            same &= row[entry] == own[entry];
        }

        return same;
    }

    /// <summary>Which entries belong to each feature.</summary>
    private static int[][] Entries(Features features)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor sizes = features.Sum(ones([1, .. features.Shape])), numbers = arange(1, features.Count + 1, float32).unsqueeze(0);
        float[] perEntry = features.Spread(numbers * sizes).contiguous().data<float>().ToArray(); // 1 and up; 0 for none
        ILookup<int, int> entries = Enumerable.Range(0, perEntry.Length).ToLookup(entry => (int)MathF.Round(perEntry[entry]) - 1);
        return [.. Enumerable.Range(0, features.Count).Select(feature => entries[feature].ToArray())];
    }
}
