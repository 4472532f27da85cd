namespace Backtrace.Gpu.Baselines;

/// <summary>SLIC's k-means in colour and place: a centre looks at pixels within two steps of the starting grid only.</summary>
internal sealed class SlicClustering
{
    private readonly double[] colours; // [C, H, W]
    private readonly int channels, height, width;
    private readonly double step, placeWeight;
    private readonly double[][] centres; // y, x, colours

    internal SlicClustering(double[] colours, int channels, int height, int width, int count, double compactness)
    {
        (this.colours, this.channels, this.height, this.width) = (colours, channels, height, width);
        step = Math.Sqrt((double)height * width / count);
        placeWeight = compactness * compactness / (step * step);
        int rows = Math.Max(1, (int)Math.Round(height / step)), columns = Math.Max(1, (int)Math.Round(width / step));
        centres = [.. Enumerable.Range(0, rows).SelectMany(r => Enumerable.Range(0, columns).Select(c => At((int)((r + 0.5) * height / rows), (int)((c + 0.5) * width / columns))))];
        Labels = new int[height * width];
    }

    /// <summary>Number of each pixel's centre, [H, W].</summary>
    internal int[] Labels { get; }

    /// <summary>Pixels choose their centre; centres move to the mean of their pixels.</summary>
    internal void Step()
    {
        double[] nearest = new double[Labels.Length];
        Array.Fill(nearest, double.PositiveInfinity);
        int reach = (int)Math.Ceiling(2 * step);
        for (int k = 0; k < centres.Length; k++)
        {
            (int top, int left) = ((int)centres[k][0], (int)centres[k][1]);
            for (int y = Math.Max(0, top - reach); y <= Math.Min(height - 1, top + reach); y++)
            {
                for (int x = Math.Max(0, left - reach); x <= Math.Min(width - 1, left + reach); x++)
                {
                    double distance = Distance(centres[k], y, x);
                    if (distance < nearest[y * width + x])
                        (nearest[y * width + x], Labels[y * width + x]) = (distance, k);
                }
            }
        }

        Move();
    }

    private void Move()
    {
        double[][] sums = [.. centres.Select(c => new double[c.Length])];
        int[] counts = new int[centres.Length];
        for (int pixel = 0; pixel < Labels.Length; pixel++)
        {
            double[] own = At(pixel / width, pixel % width);
            counts[Labels[pixel]]++;
            for (int d = 0; d < own.Length; d++)
                sums[Labels[pixel]][d] += own[d];
        }

        for (int k = 0; k < centres.Length; k++)
        {
            if (counts[k] > 0)
                centres[k] = Array.ConvertAll(sums[k], sum => sum / counts[k]);
        }
    }

    private double Distance(double[] centre, int y, int x)
    {
        double sum = ((y - centre[0]) * (y - centre[0]) + (x - centre[1]) * (x - centre[1])) * placeWeight;
        for (int c = 0; c < channels; c++)
        {
            double difference = colours[(c * height + y) * width + x] - centre[2 + c];
            sum += difference * difference;
        }

        return sum;
    }

    private double[] At(int y, int x) => [y, x, .. Enumerable.Range(0, channels).Select(c => colours[(c * height + y) * width + x])];
}
