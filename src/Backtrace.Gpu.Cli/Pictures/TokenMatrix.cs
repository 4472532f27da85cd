using Backtrace.Gpu.Cli.Explaining;
using Backtrace.Gpu.Cli.Pages;

namespace Backtrace.Gpu.Cli.Pictures;

/// <summary>How much each token before it counts for each generated token: a row for each generated one, as SVG.</summary>
/// <param name="rows">The generated tokens.</param>
/// <param name="columns">All tokens but the last.</param>
/// <param name="shares">Relevance of the columns for each row; a row ends where its own token stands.</param>
internal sealed class TokenMatrix(IReadOnlyList<Piece> rows, IReadOnlyList<Piece> columns, IReadOnlyList<float[]> shares)
{
    private const int Cell = 22, LetterWidth = 8, Longest = 14, Upright = 2;
    private readonly int left = 16 + LetterWidth * Letters(rows), top = 14 + (int)(LetterWidth * 0.82 * Letters(columns));
    private readonly int angle = Letters(columns) > Upright ? -55 : 0;
    private readonly double limit = shares.SelectMany(row => row).Select(Math.Abs).DefaultIfEmpty().Max();

    private int Width => left + columns.Count * Cell + LetterWidth * Letters(columns) / 2 + 8;

    private int Height => top + rows.Count * Cell + 2;

    /// <summary>The matrix for use inside a page, and its scale.</summary>
    internal Markup Inline(string title) => $"""
        <div class="scroll"><svg class="matrix" width="{Width}" height="{Height}" viewBox="0 0 {Width} {Height}" role="img" aria-label="{title}">{Body()}</svg></div>{TokenLine.Legend(limit, IsSigned)}
        """;

    /// <summary>The matrix as a file of its own.</summary>
    internal string File(string title, string subtitle)
    {
        int width = Math.Max(Width + 32, 420), height = Height + 112;
        string[] ends = [IsSigned ? Numbers.Percent(-limit) : "0", Numbers.Percent(limit)];
        Markup svg = $"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="system-ui, sans-serif" color="#1c1e21">
            <defs><linearGradient id="scale"><stop offset="0" stop-color="{(IsSigned ? BarChart.Negative : BarChart.Positive)}" stop-opacity="{(IsSigned ? TokenLine.Strongest : 0)}"/><stop offset=".5" stop-color="{(IsSigned ? new Rgb(255, 255, 255) : BarChart.Positive)}" stop-opacity="{TokenLine.Strongest / 2}"/><stop offset="1" stop-color="{BarChart.Positive}" stop-opacity="{TokenLine.Strongest}"/></linearGradient></defs>
            <rect width="100%" height="100%" fill="#ffffff"/>
            <text x="16" y="26" font-size="16" font-weight="600">{title}</text>
            <text x="16" y="46" font-size="12" fill="#667">{subtitle}</text>
            <g transform="translate(16 58)">{Body()}</g>
            <rect x="16" y="{height - 40}" width="260" height="10" fill="url(#scale)"/>
            <g font-size="12" fill="#445"><text x="16" y="{height - 14}">{ends[0]}</text><text x="276" y="{height - 14}" text-anchor="end">{ends[1]}</text></g>
            </svg>

            """;
        return svg.ToString();
    }

    private bool IsSigned => shares.Any(row => row.Any(share => share < 0));

    private static int Letters(IReadOnlyList<Piece> pieces) => Math.Clamp(pieces.Select(piece => piece.Text.Length).DefaultIfEmpty().Max(), 1, Longest);

    private Markup Body() => $"""
        {columns.Select((piece, k) => (Markup)$"""<text transform="translate({left + k * Cell + Cell * 0.5} {top - 6}) rotate({angle})" text-anchor="{(angle == 0 ? "middle" : "start")}" font-size="13" fill="currentColor">{Short(piece)}</text>""")}
        {rows.Select((piece, r) => (Markup)$"""<text x="{left - 8}" y="{top + r * Cell + 15}" text-anchor="end" font-size="13" font-weight="600" fill="currentColor">{Short(piece)}</text>{Row(r)}""")}
        """;

    private Markup Row(int r) => Markup.Join(shares[r].Select((share, k) => (Markup)$"""
        <rect x="{left + k * Cell}" y="{top + r * Cell}" width="{Cell - 1}" height="{Cell - 1}" rx="2" fill="{(share < 0 ? BarChart.Negative : BarChart.Positive)}" fill-opacity="{(limit > 0 ? TokenLine.Strongest * Math.Abs(share) / limit : 0)}" stroke="currentColor" stroke-opacity=".16"><title>{rows[r].Text} from {columns[k].Text}: {Numbers.Percent(share)}</title></rect>
        """));

    private static string Short(Piece piece) => piece.Text.Length > Longest ? piece.Text[..(Longest - 1)] + "\u2026" : piece.Text;
}
