namespace Backtrace.Gpu.Models.Training;

/// <summary>Row numbers of a table, divided so that each part holds the same share of each class.</summary>
/// <param name="Train">70 % of each class, ascending.</param>
/// <param name="Validation">15 % of each class, ascending.</param>
/// <param name="Test">The rest, ascending.</param>
public sealed record StratifiedSplit(IReadOnlyList<int> Train, IReadOnlyList<int> Validation, IReadOnlyList<int> Test)
{
    /// <summary>The rule in words, written beside trained weights.</summary>
    public const string Rule = "per class in label order: rows shuffled (SplitMix64 of the seed, Fisher-Yates from the end); "
        + "first 70 % train, next 15 % validation, rest test; floor(share * count)";

    /// <summary>Computes the split; equal labels and seeds give equal splits everywhere.</summary>
    /// <param name="labels">Class number of each row.</param>
    /// <param name="seed">Seed of the shuffle.</param>
    public static StratifiedSplit Create(IReadOnlyList<int> labels, ulong seed)
    {
        SplitMix64 random = new(seed);
        List<int> train = [], validation = [], test = [];
        foreach (IGrouping<int, int> group in Enumerable.Range(0, labels.Count).GroupBy(row => labels[row]).OrderBy(group => group.Key))
        {
            int[] rows = [.. group];
            random.Shuffle(rows.AsSpan());
            int trained = rows.Length * 70 / 100, validated = rows.Length * 15 / 100;
            train.AddRange(rows[..trained]);
            validation.AddRange(rows[trained..(trained + validated)]);
            test.AddRange(rows[(trained + validated)..]);
        }
        train.Sort();
        validation.Sort();
        test.Sort();
        return new StratifiedSplit(train, validation, test);
    }
}
