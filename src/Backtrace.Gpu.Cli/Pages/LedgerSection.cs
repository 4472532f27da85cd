using Backtrace.Gpu.Cli.Explaining;
using Backtrace.Gpu.Cli.Pictures;
using Backtrace.Gpu.Kernels;

namespace Backtrace.Gpu.Cli.Pages;

/// <summary>Where the relevance went, for people.</summary>
internal static class LedgerSection
{
    // Half of the last digit that is shown.
    private const double Visible = 5e-5;

    /// <summary>One sentence of figures: input + bias + dropped = start; what is zero everywhere but for models with constants or for bf16 comes only where it can be seen.</summary>
    internal static string Sum(Account account)
    {
        double rounding = account.Start - account.Input - account.Bias - account.Dropped - account.Constants;
        string constants = Math.Abs(account.Constants) < Visible ? "" : $" + {Numbers.Fixed(account.Constants)} constants";
        string rest = Math.Abs(rounding) < Visible ? "" : $" + {Numbers.Fixed(rounding)} rounding";
        return $"{Numbers.Fixed(account.Input)} input + {Numbers.Fixed(account.Bias)} bias + {Numbers.Fixed(account.Dropped)} dropped{constants}{rest} = {Numbers.Fixed(account.Start)}";
    }

    /// <summary>The accounts of one input: one line, or a line for each stream of contrastive mode.</summary>
    internal static Markup Lines(Explained e) => e.Opposing is null
        ? (Markup)$"""<p class="note">{Sum(e.Account)}</p>"""
        : (Markup)$"""<p class="note">supporting: {Sum(e.Account)}<br>opposing: {Sum(e.Opposing.Account)}</p>""";

    /// <summary>A table with one line per layer, means over the explanations.</summary>
    internal static Markup Table(IReadOnlyList<NodeTotals> lines, string of = "Ledger") => $"""
        <details><summary>{of}: every layer hands on what it received ({Counted.Of(lines.Count, "layer")})</summary><div class="scroll"><table>
        <tr><th>Layer</th><th class="t">Operator</th><th>in</th><th>out</th><th>bias</th><th>dropped</th><th>constants</th></tr>
        {lines.Select(line => (Markup)$"""<tr><td>{line.Node}</td><td class="t">{line.Operator}</td><td>{Numbers.Fixed(line.In)}</td><td>{Numbers.Fixed(line.Out)}</td><td>{Numbers.Fixed(line.Bias)}</td><td>{Numbers.Fixed(line.Dropped)}</td><td>{Numbers.Fixed(line.Constants)}</td></tr>""")}
        </table></div></details>
        """;
}
