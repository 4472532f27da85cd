using Backtrace.Gpu.Kernels;

namespace Backtrace.Gpu.Baselines;

/// <summary>Points in [0, 1] and weights that sum to 1.</summary>
internal sealed record Quadrature(double[] At, double[] Weights)
{
    /// <exception cref="ArgumentException">Too few points for the method, or no such method.</exception>
    public static Quadrature Of(IntegrationMethod method, int count)
    {
        int fewest = method == IntegrationMethod.RiemannTrapezoid ? 2 : 1;
        if (count < fewest)
            throw new ArgumentException($"{method} needs at least {Counted.Of(fewest, "step")}, not {count}.", nameof(count));
        return method switch
        {
            IntegrationMethod.GaussLegendre => GaussLegendre(count),
            IntegrationMethod.RiemannRight => Even(count, 1),
            IntegrationMethod.RiemannLeft => Even(count, 0),
            IntegrationMethod.RiemannMiddle => Even(count, 0.5),
            IntegrationMethod.RiemannTrapezoid => Trapezoid(count),
            _ => throw new ArgumentException($"There is no integration method {method}.", nameof(method)),
        };
    }

    private static Quadrature Even(int count, double place) =>
        new([.. Enumerable.Range(0, count).Select(k => (k + place) / count)], [.. Enumerable.Repeat(1.0 / count, count)]);

    private static Quadrature Trapezoid(int count)
    {
        double step = 1.0 / (count - 1);
        return new([.. Enumerable.Range(0, count).Select(k => k * step)], [.. Enumerable.Range(0, count).Select(k => k == 0 || k == count - 1 ? step / 2 : step)]);
    }

    // Roots of the Legendre polynomial by Newton's method, from [-1, 1] to [0, 1].
    private static Quadrature GaussLegendre(int count)
    {
        double[] at = new double[count], weights = new double[count];
        for (int k = 0; k < count; k++)
        {
            double root = -Math.Cos(Math.PI * (k + 0.75) / (count + 0.5)), slope = 0;
            for (int round = 0; round < 10; round++)
            {
                (double value, slope) = Legendre(count, root);
                root -= value / slope;
            }

            at[k] = (1 + root) / 2;
            weights[k] = 1 / ((1 - root * root) * slope * slope);
        }

        return new(at, weights);
    }

    // The polynomial of this degree and its derivative at a point inside (-1, 1), by the three-term recurrence.
    private static (double Value, double Slope) Legendre(int degree, double x)
    {
        (double before, double value) = (1, x);
        for (int n = 2; n <= degree; n++)
            (before, value) = (value, ((2 * n - 1) * x * value - (n - 1) * before) / n);
        return (value, degree * (x * value - before) / (x * x - 1));
    }
}
