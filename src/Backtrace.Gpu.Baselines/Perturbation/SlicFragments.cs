namespace Backtrace.Gpu.Baselines;

/// <summary>SLIC's last step: pieces of superpixels become superpixels of their own, or join a neighbour if they are small.</summary>
internal static class SlicFragments
{
    /// <param name="labels">[H, W].</param>
    /// <param name="height">H.</param>
    /// <param name="width">W.</param>
    /// <param name="smallest">Pieces with fewer pixels join the piece above or left of their first pixel.</param>
    /// <returns>Numbers of connected superpixels from 0, [H, W].</returns>
    internal static int[] Join(int[] labels, int height, int width, int smallest)
    {
        int[] joined = new int[labels.Length];
        Array.Fill(joined, -1);
        int count = 0;
        for (int start = 0; start < labels.Length; start++)
        {
            if (joined[start] >= 0)
                continue;
            // Pixels before the first one of a piece have their number already.
            int neighbour = start % width > 0 ? joined[start - 1] : start >= width ? joined[start - width] : -1;
            List<int> piece = [start];
            joined[start] = count;
            for (int i = 0; i < piece.Count; i++)
            {
                foreach (int next in Neighbours(piece[i], height, width))
                {
                    if (joined[next] < 0 && labels[next] == labels[start])
                    {
                        joined[next] = count;
                        piece.Add(next);
                    }
                }
            }

            if (piece.Count >= smallest || neighbour < 0)
            {
                count++;
                continue;
            }

            foreach (int pixel in piece)
                joined[pixel] = neighbour;
        }

        return joined;
    }

    private static IEnumerable<int> Neighbours(int pixel, int height, int width)
    {
        (int y, int x) = (pixel / width, pixel % width);
        if (y > 0)
            yield return pixel - width;
        if (x > 0)
            yield return pixel - 1;
        if (x < width - 1)
            yield return pixel + 1;
        if (y < height - 1)
            yield return pixel + width;
    }
}
