namespace Backtrace.Gpu.Models;

/// <summary>Joins neighbouring pieces, best score first and leftmost among equals, until no two fit.</summary>
internal sealed class PieceJoiner
{
    private const int None = -1;
    private readonly int[] ids, next, previous;
    private readonly Func<int, int, (int Id, float Score)?> join;
    private readonly PriorityQueue<(int Place, int Left, int Right, int Joined), (float, int)> candidates = new();

    /// <param name="pieces">Ids in order.</param>
    /// <param name="join">The piece that two neighbours make and its score, or null.</param>
    internal PieceJoiner(IEnumerable<int> pieces, Func<int, int, (int Id, float Score)?> join)
    {
        this.join = join;
        ids = [.. pieces];
        next = [.. ids.Select((_, i) => i + 1 < ids.Length ? i + 1 : None)];
        previous = [.. ids.Select((_, i) => i - 1)];
    }

    internal IEnumerable<int> Join()
    {
        for (int place = 0; place < ids.Length; place++)
            Consider(place);
        while (candidates.TryDequeue(out (int Place, int Left, int Right, int Joined) candidate, out _))
        {
            int place = candidate.Place, right = next[place];
            // Either neighbour may have been joined to another piece since.
            if (ids[place] != candidate.Left || right == None || ids[right] != candidate.Right)
                continue;
            ids[place] = candidate.Joined;
            ids[right] = None;
            next[place] = next[right];
            if (next[place] != None)
                previous[next[place]] = place;
            if (previous[place] != None)
                Consider(previous[place]);
            Consider(place);
        }
        return ids.Where(id => id != None);
    }

    private void Consider(int place)
    {
        if (next[place] != None && join(ids[place], ids[next[place]]) is (int id, float score))
            candidates.Enqueue((place, ids[place], ids[next[place]], id), (-score, place));
    }
}
