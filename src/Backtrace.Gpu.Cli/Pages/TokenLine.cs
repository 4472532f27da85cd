using Backtrace.Gpu.Cli.Explaining;
using Backtrace.Gpu.Cli.Pictures;

namespace Backtrace.Gpu.Cli.Pages;

/// <summary>A text whose tokens stand on a ground that says how much each counts; pointing at one shows the number.</summary>
internal static class TokenLine
{
    // Full ink must stay readable on the strongest ground, on light pages and dark ones.
    internal const double Strongest = 0.75;

    /// <summary>The text and the scale under it.</summary>
    /// <param name="pieces">The tokens.</param>
    /// <param name="shares">Relevance of each.</param>
    /// <param name="opposing">Opposing relevance of each, for the numbers; null in default mode.</param>
    /// <param name="after">What follows in the text, such as the explained token.</param>
    internal static Markup Inline(IReadOnlyList<Piece> pieces, float[] shares, float[]? opposing = null, Markup after = default)
    {
        float[] shown = opposing is null ? shares : [.. shares.Zip(opposing, (a, b) => a - b)];
        double limit = shown.Select(Math.Abs).DefaultIfEmpty().Max();
        return $"""<p class="text">{pieces.Select((piece, k) => Token(piece, shown[k], limit, Title(piece, shares[k], opposing?[k]), k))}{after}</p>{Legend(limit, shown.Any(share => share < 0))}""";
    }

    /// <summary>The colour of a share: orange above zero, blue below, stronger for larger ones; the page shines through.</summary>
    internal static string Ground(double share, double limit)
    {
        double strength = limit > 0 ? Strongest * Math.Min(1, Math.Abs(share) / limit) : 0;
        Rgb colour = share < 0 ? BarChart.Negative : BarChart.Positive;
        return string.Create(System.Globalization.CultureInfo.InvariantCulture, $"rgba({colour.R},{colour.G},{colour.B},{strength:0.###})");
    }

    /// <summary>The scale of such grounds.</summary>
    internal static Markup Legend(double limit, bool both)
    {
        string from = both ? Ground(-1, 1) : Ground(0, 1);
        return $"""<div class="scale short"><i style="background:linear-gradient(90deg,{from},{(both ? "transparent," : "")}{Ground(1, 1)})"></i><span>{(both ? Numbers.Percent(-limit) : "0")}</span><span>{(both ? "0" : "")}</span><span>{Numbers.Percent(limit)}</span></div>""";
    }

    private static Markup Token(Piece piece, float share, double limit, string title, int k) =>
        $"""{(piece.Space && k > 0 ? " " : "")}<span class="{(piece.IsSpecial ? "token special" : "token")}" style="background:{Ground(share, limit)}" title="{title}">{piece.Text}</span>""";

    private static string Title(Piece piece, float share, float? opposing) => opposing is { } against
        ? $"{piece.Text}: supports {Numbers.Percent(share)}, opposes {Numbers.Percent(against)}"
        : $"{piece.Text}: {Numbers.Percent(share)}";
}
