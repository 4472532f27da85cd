using Backtrace.Gpu.Cli.Pictures;
using Spectre.Console;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Texts on the console: tokens on a ground that says how much each counts, and the strongest words in figures.</summary>
internal static class TokenText
{
    private const int Figures = 5;
    // Below this part of the scale a ground would not be seen, only disturb.
    private const double Visible = 0.06;

    internal static void Write(TextWriter output, ExplainResult result, int shown, bool colour)
    {
        TokenSamples samples = (TokenSamples)result.Samples;
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(output),
            Ansi = colour ? AnsiSupport.Yes : AnsiSupport.No,
            ColorSystem = colour ? ColorSystemSupport.TrueColor : ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
        });
        // The terminal breaks long lines itself.
        console.Profile.Width = int.MaxValue / 2;
        int width = Enumerable.Range(0, shown).Max(n => samples.Name(result.Explained[n].Input).Length);
        string indent = new(' ', width + 2);
        for (int n = 0; n < shown; n++)
        {
            int input = result.Explained[n].Input;
            IReadOnlyList<Piece> pieces = samples.Pieces(input);
            float[] shares = result.Explained[n].Difference;
            output.WriteLine($"{samples.Name(input).PadRight(width)}  {result.Answer(n)}");
            // Without colours, a text that was shown for the token before would only be repeated.
            if (colour || n == 0 || !ReferenceEquals(samples.Line(input), samples.Line(result.Explained[n - 1].Input)))
            {
                output.Write(indent);
                WritePieces(console, pieces, shares, result.IsContrastive);
                output.WriteLine();
            }

            output.WriteLine(indent + Strongest(pieces, shares, result.IsContrastive));
        }
    }

    private static void WritePieces(IAnsiConsole console, IReadOnlyList<Piece> pieces, float[] shares, bool both)
    {
        double limit = shares.Max(Math.Abs);
        ColourMap map = both || shares.Any(share => share < 0) ? ColourMap.Diverging : ColourMap.Supporting;
        for (int k = 0; k < pieces.Count; k++)
        {
            if (pieces[k].Space && k > 0)
                console.Write(new Text(" "));
            bool marked = limit > 0 && Math.Abs(shares[k]) > Visible * limit;
            console.Write(new Text(Printable.Text(pieces[k].Text), marked ? Ground(map.At(map.Place(shares[k], limit))) : Style.Plain));
        }
    }

    private static Style Ground(Rgb colour) => new(colour.Luma > 0.5 ? Color.Black : Color.White, new Color(colour.R, colour.G, colour.B));

    // Pieces of a word count together.
    private static string Strongest(IReadOnlyList<Piece> pieces, float[] shares, bool signed)
    {
        List<(string Text, float Share)> words = [];
        foreach ((Piece piece, float share) in pieces.Zip(shares))
        {
            if (piece.Continues && words.Count > 0)
                words[^1] = (words[^1].Text + piece.Text, words[^1].Share + share);
            else
                words.Add((piece.Text, share));
        }

        IEnumerable<string> figures = words.Where(word => word.Share != 0).OrderByDescending(word => Math.Abs(word.Share)).Take(Figures)
            .Select(word => $"{Printable.Text(word.Text)} {(signed && word.Share > 0 ? "+" : "")}{Numbers.Percent(word.Share)}");
        return string.Join(", ", figures.DefaultIfEmpty("no token counts"));
    }
}
