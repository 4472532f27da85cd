using System.Numerics;
using System.Runtime.InteropServices;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// The factor L of A = LLᵀ in double precision. Rows are worked on some at a time and four columns in one pass, so that thousands of unknowns take seconds; every
/// element is subtracted from in the order of the textbook's loops, so that the bits are theirs.
/// </summary>
internal sealed class Cholesky
{
    private const int Rows = 16, Columns = 4; // Rows is a multiple of Columns

    private readonly double[][] columns; // those of L, each from its diagonal on: columns[k][i - k] is L[i, k]

    private Cholesky(double[][] columns) => this.columns = columns;

    /// <summary>Factors A + ridge * I, of which the lower triangle is read.</summary>
    /// <returns>Null where a pivot is not positive beyond rounding: then equations do not determine their solution.</returns>
    internal static Cholesky? Of(double[,] matrix, double ridge)
    {
        int n = matrix.GetLength(0);
        double[][] columns = [.. Enumerable.Range(0, n).Select(k => new double[n - k])];
        double[][] block = [.. Enumerable.Range(0, Math.Min(Rows, n)).Select(_ => new double[n])];
        ReadOnlySpan<double> elements = n == 0 ? [] : MemoryMarshal.CreateReadOnlySpan(ref matrix[0, 0], matrix.Length);
        for (int first = 0; first < n; first += Rows)
        {
            int end = Math.Min(first + Rows, n);
            for (int i = first; i < end; i++)
            {
                elements.Slice(i * n, i + 1).CopyTo(block[i - first]);
                block[i - first][i] += ridge;
            }

            for (int k = 0; k < first; k += Columns)
            {
                for (int i = first; i < end; i++)
                    Eliminate(columns, block[i - first], i, k);
            }

            for (int k = first; k < end; k++)
            {
                double pivot = block[k - first][k];
                if (!(pivot > 1e-12 * (matrix[k, k] + ridge))) // what is left of it is rounding
                    return null;
                columns[k][0] = Math.Sqrt(pivot);
                for (int i = k + 1; i < end; i++)
                {
                    double[] row = block[i - first];
                    double factor = columns[k][i - k] = row[k] / columns[k][0];
                    Subtract(row.AsSpan(k + 1, i - k), factor, columns[k].AsSpan(1));
                }
            }
        }

        return new Cholesky(columns);
    }

    /// <summary>Solves LLᵀx = right.</summary>
    internal double[] Solve(double[] right)
    {
        double[] x = [.. right];
        for (int k = 0; k < x.Length; k++)
        {
            x[k] /= columns[k][0];
            Subtract(x.AsSpan(k + 1), x[k], columns[k].AsSpan(1));
        }

        for (int i = x.Length - 1; i >= 0; i--)
        {
            for (int k = i + 1; k < x.Length; k++)
                x[i] -= columns[i][k - i] * x[k];
            x[i] /= columns[i][0];
        }

        return x;
    }

    // Four elements of L in row i, from column k on, and what they take from the rest of the row.
    private static void Eliminate(double[][] columns, double[] row, int i, int k)
    {
        for (int column = k; column < k + Columns; column++)
        {
            for (int before = k; before < column; before++)
                row[column] -= columns[before][i - before] * columns[before][column - before];
            columns[column][i - column] = row[column] / columns[column][0];
        }

        int next = k + Columns, length = i + 1 - next;
        Span<double> rest = row.AsSpan(next, length);
        ReadOnlySpan<double> a = columns[k].AsSpan(4, length), b = columns[k + 1].AsSpan(3, length), c = columns[k + 2].AsSpan(2, length), d = columns[k + 3].AsSpan(1, length);
        double fa = columns[k][i - k], fb = columns[k + 1][i - k - 1], fc = columns[k + 2][i - k - 2], fd = columns[k + 3][i - k - 3];
        int j = 0;
        for (; j <= length - Vector<double>.Count; j += Vector<double>.Count)
        {
            Vector<double> left = new(rest[j..]);
            left -= new Vector<double>(a[j..]) * fa;
            left -= new Vector<double>(b[j..]) * fb;
            left -= new Vector<double>(c[j..]) * fc;
            left -= new Vector<double>(d[j..]) * fd;
            left.CopyTo(rest[j..]);
        }

        for (; j < length; j++)
            rest[j] = rest[j] - (a[j] * fa) - (b[j] * fb) - (c[j] * fc) - (d[j] * fd);
    }

    private static void Subtract(Span<double> from, double factor, ReadOnlySpan<double> times)
    {
        int j = 0;
        for (; j <= from.Length - Vector<double>.Count; j += Vector<double>.Count)
            (new Vector<double>(from[j..]) - (new Vector<double>(times[j..]) * factor)).CopyTo(from[j..]);
        for (; j < from.Length; j++)
            from[j] -= times[j] * factor;
    }
}
