using Backtrace.Gpu.Cli;
using Backtrace.Gpu.Cli.Explaining;
using Backtrace.Gpu.Cli.Pages;
using Backtrace.Gpu.Cli.Pictures;
using NUnit.Framework;
using SkiaSharp;

namespace Backtrace.Gpu.Tests.Cli;

public sealed class PictureTests
{
    [Test]
    public void AHeatMapAddsUpChannelsAndNamesItsScale()
    {
        float[] relevance = new float[2 * 1000];
        relevance[7] = 0.25f;
        relevance[1007] = 0.25f;
        relevance[8] = 0.1f;
        for (int k = 100; k < 200; k++)
            relevance[k] = 0.004f;
        HeatMap map = new(relevance, new byte[3000], 40, 25);
        Assert.Multiple(() =>
        {
            Assert.That(map.Values[7], Is.EqualTo(0.5f));
            Assert.That(map.Limit, Is.EqualTo(0.004f));
            Assert.That(Scale.Labels(map), Is.EqualTo(new[] { "0", "0.20 %", "\u2265 0.40 %" }));
        });
    }

    [Test]
    public void PngsHoldEveryPixelAsASquare()
    {
        using SKBitmap picture = SKBitmap.Decode(Png.Encode(2, 1, 3, k => k == 0 ? new Rgb(1, 2, 3) : new Rgb(250, 251, 252)));
        Assert.Multiple(() =>
        {
            Assert.That((picture.Width, picture.Height), Is.EqualTo((6, 3)));
            Assert.That(picture.GetPixel(2, 2), Is.EqualTo(new SKColor(1, 2, 3)));
            Assert.That(picture.GetPixel(3, 0), Is.EqualTo(new SKColor(250, 251, 252)));
        });
    }

    [Test]
    public void RelevanceOfNothingButZerosIsAPictureToo() =>
        Assert.That(new HeatMap(new float[4], new byte[12], 2, 2).OverlayPng(), Is.Not.Empty);

    [Test]
    public void TooManyBarsEndInTheirSum()
    {
        IReadOnlyList<Bar> ranked = Bar.Rank([new("a", 0.1), new("b", -0.5), new("c", 0.3), new("d", 0.05)], 3);
        Assert.That(ranked.Select(bar => (bar.Name, bar.IsRest)), Is.EqualTo(new[] { ("b", false), ("c", false), ("2 others together", true) }));
        Assert.That(ranked[2].Value, Is.EqualTo(0.15).Within(1e-9));
    }

    [Test]
    public void LongCellsLeaveRoomForTheNamesOfTheirColumns()
    {
        string chart = BarChart.Inline([new("petal_length", 0.5, "-0.16254171636702772"), new(new string('W', 60), 0.2, "7"), new("width", 0.1, "3.5")], "row 0").ToString();
        Assert.Multiple(() =>
        {
            Assert.That(chart, Does.Contain("<title>petal_length -0.16254171636702772</title>petal_length<tspan opacity=\".62\"> -0.1625"));
            Assert.That(chart, Does.Contain($"<title>{new string('W', 60)} 7</title>WWWWWWWW").And.Contain("WW\u2026<tspan opacity=\".62\"> 7</tspan>"));
            Assert.That(chart, Does.Contain(">width<tspan opacity=\".62\"> 3.5</tspan>"), "what fits stays as it is");
        });
    }

    [TestCase("abc", 10, "abc")]
    [TestCase("abcdefghij", 4, "abcd\u2026")]
    [TestCase("\u65e5\u672c\u8a9e\u6587\u5b57", 4, "\u65e5\u672c\u8a9e\u2026")]
    [TestCase("\U0001f600\U0001f600\U0001f600", 2.5, "\U0001f600\u2026")]
    [TestCase("abc", 0.5, "\u2026")]
    public void TextsAreFittedByWholeCharacters(string text, double space, string fitted) => Assert.That(Fitted.Text(text, space), Is.EqualTo(fitted));

    [Test]
    public void MarkupEscapesAllButMarkup()
    {
        string text = "<a href='x'>&\"";
        Markup inner = $"<b>{text}</b>";
        Markup outer = $"<p title=\"{text}\">{inner}{new[] { inner }}</p>";
        Assert.That(inner.ToString(), Is.EqualTo("<b>&lt;a href=&#39;x&#39;&gt;&amp;&quot;</b>"));
        Assert.That(outer.ToString(), Is.EqualTo($"<p title=\"&lt;a href=&#39;x&#39;&gt;&amp;&quot;\">{inner}{inner}</p>"));
    }

    [Test]
    public void TheLedgerSentenceAddsUp() => Assert.Multiple(() =>
    {
        Assert.That(LedgerSection.Sum(new Account(1, 0.9, 0.1, 0, 0)), Is.EqualTo("0.9000 input + 0.1000 bias + 0.0000 dropped = 1.0000"));
        Assert.That(LedgerSection.Sum(new Account(1, 1, 0, -0.00001, 0)), Does.Contain("+ 0.0000 dropped"), "no zero has a sign");
        Assert.That(LedgerSection.Sum(new Account(1, 0.9, 0.05, 0, 0.04)), Is.EqualTo("0.9000 input + 0.0500 bias + 0.0000 dropped + 0.0400 constants + 0.0100 rounding = 1.0000"));
    });

    [TestCase(0.1234, "12.3 %")]
    [TestCase(0.00976, "0.98 %")]
    [TestCase(0.00025, "0.025 %")]
    [TestCase(0.0000134, "0.0013 %")]
    [TestCase(-1.2e-7, "\u22120.000012 %")]
    [TestCase(1e-12, "1E\u221210 %")]
    [TestCase(1, "100 %")]
    [TestCase(0.99999, "> 99.9 %")]
    [TestCase(0.9994, "99.9 %")]
    [TestCase(0, "0 %")]
    [TestCase(-0.5, "\u221250.0 %")]
    public void SharesReadWell(double share, string text) => Assert.That(Numbers.Percent(share), Is.EqualTo(text));

    [TestCase("loans.csv:0-9", "loans.csv", "0-9")]
    [TestCase("loans.csv:1,3", "loans.csv", "1,3")]
    [TestCase("C:\\loans.csv", "C:\\loans.csv", null)]
    [TestCase("loans.csv:", "loans.csv:", null)]
    public void RowsMayFollowTheFileName(string input, string path, string? rows) => Assert.That(RowSelection.Split(input), Is.EqualTo((path, rows)));

    [Test]
    public void RangesOfRowsAreRead() => Assert.Multiple(() =>
    {
        Assert.That(RowSelection.Parse("0-2, 7").Of(1000), Is.EqualTo(new[] { 0, 1, 2, 7 }));
        Assert.That(RowSelection.Parse("7,0-2").Of(1000), Is.EqualTo(new[] { 7, 0, 1, 2 }));
        Assert.That(RowSelection.Parse("7-").Of(10), Is.EqualTo(new[] { 7, 8, 9 }));
        Assert.That(RowSelection.Parse("7-,3").IsAscending, Is.False);
        Assert.That(RowSelection.Parse("7-,3,8,1-3,5-6").Ascending().Of(10), Is.EqualTo(new[] { 1, 2, 3, 5, 6, 7, 8, 9 }));
        Assert.That(RowSelection.Parse("7-,3,8,1-3,5-6").Ascending().IsAscending);
        Assert.That(() => RowSelection.Parse("10-").EnsureWithin(10), Throws.TypeOf<UsageException>().With.Message.Contains("row 10"));
        foreach (string wrong in new[] { "", "-", "a", "a-", "3--", "3-1", "1-2-3", "-1", "99999999999" })
            Assert.That(() => RowSelection.Parse(wrong), Throws.TypeOf<UsageException>(), wrong);
        Assert.That(() => RowSelection.Parse("0-2000000000").EnsureWithin(8), Throws.TypeOf<UsageException>().With.Message.Contains("0 to 7"));
        RowSelection.Parse("7,0-2").EnsureWithin(8);
    });

    [TestCase("0-2,7", true)]
    [TestCase("7", true)]
    [TestCase("7,0-2", false)]
    [TestCase("0-2,2", false)]
    public void RowsInTheOrderOfTheTableAreToldFromOthers(string text, bool isAscending)
    {
        RowSelection rows = RowSelection.Parse(text);
        Assert.That(rows.IsAscending, Is.EqualTo(isAscending));
        if (isAscending)
            Assert.That(Enumerable.Range(0, 10).Where(rows.Contains), Is.EqualTo(rows.Of(1000)));
    }
}
