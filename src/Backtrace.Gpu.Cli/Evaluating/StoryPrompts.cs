using Backtrace.Gpu.Cli.Explaining;
using Backtrace.Gpu.Kernels;
using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Evaluating;

/// <summary>Beginnings of stories whose next token is explained: stories that the model tells itself, cut where a new word begins.</summary>
internal static class StoryPrompts
{
    private const int StoryLength = 72, Shortest = 10, Rounds = 5;

    private static readonly string[] Openings =
    [
        "Once upon a time", "One day", "Lily and Tom", "There was a little boy", "There was a big dog", "The cat", "A bird", "In the park", "Tim had a red ball", "Mom and Dad",
        "Lily liked to play", "The sun was hot", "A little girl named Sue", "Ben wanted a cake", "One night", "The old man", "At the beach", "Sam and his friend", "A small frog", "The king",
    ];

    /// <summary>Beginnings of its own stories, at least as many as asked for where the stories give them; a larger number adds to a smaller one.</summary>
    internal static IReadOnlyList<Passage> FromModel(LanguageModel model, TextTokenizer tokenizer, int count, int seed, CancellationToken cancellation)
    {
        string[] openings = [.. Openings];
        new Random(seed).Shuffle(openings);
        List<Passage> prompts = [];
        List<Passage[]> stories = [];
        // One of five cuts of every story before a second one of any; no more stories than are needed.
        for (int k = 0; prompts.Count < count && k < Rounds * openings.Length; k++)
        {
            if (k < openings.Length)
            {
                IReadOnlyList<long> begin = tokenizer.Tokenize(openings[k]).Ids;
                stories.Add([.. Cut([.. begin, .. model.Generate(begin, StoryLength - begin.Count, cancellation)], tokenizer, openings[k])]);
            }

            prompts.AddRange(stories[k % openings.Length].Where((_, n) => n % Rounds == k / openings.Length));
        }

        return prompts;
    }

    /// <summary>Each line of a file as it stands.</summary>
    internal static IReadOnlyList<Passage> FromFile(string path, TextTokenizer tokenizer) =>
    [
        .. TextFile.ReadLines(path).Index().Where(line => !string.IsNullOrWhiteSpace(line.Item))
            .Select(line => new Passage($"line {line.Index + 1}", Pieces(tokenizer.Tokenize(line.Item).Ids, tokenizer))),
    ];

    private static IEnumerable<Passage> Cut(long[] ids, TextTokenizer tokenizer, string opening) => Enumerable.Range(Shortest, Math.Max(0, ids.Length - Shortest))
        .Where(end => tokenizer.TokenText(ids[end]).StartsWith(' '))
        .Select(end => new Passage($"\"{opening}\", {Counted.Of(end, "token")}", Pieces(ids[..end], tokenizer)));

    private static IReadOnlyList<Piece> Pieces(IReadOnlyList<long> ids, TextTokenizer tokenizer) => [.. ids.Select(id => Piece.OfText(id, tokenizer.TokenText(id)))];
}
