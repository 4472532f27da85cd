using System.Globalization;

namespace Backtrace.Gpu.Cli.Pictures;

/// <summary>Numbers as people read them.</summary>
internal static class Numbers
{
    /// <summary>A share as percentage with about three digits: 12.3 %, 0.84 %, 0.013 %.</summary>
    internal static string Percent(double share)
    {
        double size = Math.Abs(share) * 100;
        if (share is < 1 and >= 0.9995)
            return "> 99.9 %";
        string format = size switch
        {
            0 => "0",
            < 1e-9 => "G2",
            < 0.1 => "0." + new string('#', 1 - (int)Math.Floor(Math.Log10(size))),
            < 1 => "0.00",
            < 99.95 => "0.0",
            _ => "0",
        };
        return Minus((share * 100).ToString(format, CultureInfo.InvariantCulture)) + " %";
    }

    /// <summary>A number with four digits behind the point.</summary>
    internal static string Fixed(double value) => Minus((Math.Abs(value) < 5e-5 ? 0 : value).ToString("0.0000", CultureInfo.InvariantCulture));

    /// <summary>A number of any size, with four digits that count.</summary>
    internal static string Value(double value) => Minus(value.ToString("G4", CultureInfo.InvariantCulture));

    internal static string Duration(double seconds) => (seconds * 1000) switch
    {
        < 0.1 and var ms => (ms * 1000).ToString("0.0", CultureInfo.InvariantCulture) + " \u00b5s",
        < 10 and var ms => ms.ToString("0.00", CultureInfo.InvariantCulture) + " ms",
        < 1000 and var ms => ms.ToString("0", CultureInfo.InvariantCulture) + " ms",
        _ => seconds.ToString("0.0", CultureInfo.InvariantCulture) + " s",
    };

    internal static string Bytes(long bytes) => bytes switch
    {
        < 1 << 20 => (bytes / 1024.0).ToString("0", CultureInfo.InvariantCulture) + " KB",
        < 1 << 30 => (bytes / 1048576.0).ToString("0.0", CultureInfo.InvariantCulture) + " MB",
        _ => (bytes / 1073741824.0).ToString("0.0", CultureInfo.InvariantCulture) + " GB",
    };

    internal static string Count(int value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static string Minus(string text) => text.Replace('-', '\u2212');
}
