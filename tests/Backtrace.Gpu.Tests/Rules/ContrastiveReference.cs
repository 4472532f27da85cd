namespace Backtrace.Gpu.Tests.Rules;

/// <summary>The contrastive unit rule word for word, in double precision (rules.md, B.0.2).</summary>
internal static class ContrastiveReference
{
    /// <summary>Adds what one unit hands to its inputs.</summary>
    /// <param name="z">Contributions.</param>
    /// <param name="bias">Takes part in the sign of t only.</param>
    /// <param name="supporting">Relevance of the supporting stream at the unit.</param>
    /// <param name="opposing">Relevance of the opposing stream at the unit.</param>
    /// <param name="toSupporting">Relevance of the inputs, supporting.</param>
    /// <param name="toOpposing">Relevance of the inputs, opposing.</param>
    internal static void Unit(double[] z, double bias, double supporting, double opposing, double[] toSupporting, double[] toOpposing)
    {
        double p = z.Where(v => v > 0).Sum(), n = -z.Where(v => v < 0).Sum(), t = p + bias - n;
        bool straight = (t > 0 && supporting > opposing) || (t < 0 && supporting < opposing);
        (int ofSupporting, int ofOpposing) = (p > 0, n > 0) switch
        {
            (true, false) => (1, 1),
            (false, true) => (-1, -1),
            (true, true) when t != 0 => straight ? (1, -1) : (-1, 1),
            _ => (0, 0),
        };
        for (int i = 0; i < z.Length; i++)
        {
            toSupporting[i] += Share(z[i], ofSupporting) * supporting;
            toOpposing[i] += Share(z[i], ofOpposing) * opposing;
        }

        double Share(double value, int side) => side > 0 ? Math.Max(value, 0) / p : side < 0 ? Math.Max(-value, 0) / n : 0;
    }
}
