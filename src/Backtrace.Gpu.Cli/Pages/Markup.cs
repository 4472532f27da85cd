using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text;

namespace Backtrace.Gpu.Cli.Pages;

/// <summary>
/// HTML or SVG. <c>Markup m = $"&lt;p&gt;{text}&lt;/p&gt;"</c> escapes every hole but those that are markup themselves, so that no text from a file
/// can become a tag.
/// </summary>
[InterpolatedStringHandler]
internal readonly struct Markup
{
    private readonly StringBuilder? text;

    public Markup(int literalLength, int formattedCount) => text = new StringBuilder(literalLength + 16 * formattedCount);

    internal static Markup Empty => default;

    internal static Markup Join(IEnumerable<Markup> parts) => $"{parts}";

    public void AppendLiteral(string literal) => text!.Append(literal);

    public void AppendFormatted(Markup part) => text!.Append(part.text);

    public void AppendFormatted(IEnumerable<Markup> parts)
    {
        foreach (Markup part in parts)
            text!.Append(part.text);
    }

    public void AppendFormatted(string? value) => text!.Append(WebUtility.HtmlEncode(value));

    public void AppendFormatted(Pictures.Rgb colour) => text!.Append(colour.ToString());

    public void AppendFormatted(int value) => text!.Append(value.ToString(CultureInfo.InvariantCulture));

    public void AppendFormatted(double value, string format = "0.##") => text!.Append(value.ToString(format, CultureInfo.InvariantCulture));

    public override string ToString() => text?.ToString() ?? "";
}
