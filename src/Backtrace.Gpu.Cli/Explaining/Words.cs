using System.Text;
using Backtrace.Gpu.Cli.Pictures;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Sentences about an explained input, the same in pages, pictures and on the console.</summary>
internal static class Words
{
    private const int StemBytes = 64;

    /// <summary>"cat, 97.3 %", or "price = 12.5" where outputs are values, and the explained class where it is another one or one of several.</summary>
    internal static string Answer(Explained e, Func<int, string> name)
    {
        if (e.Mask is not null)
            return $"{name(e.Target.Index)} on {Share(e.Target)} of the picture";
        return e.Asked.IsAlone && e.Target.Index == e.Predicted.Index ? Of(e.Predicted) : $"{Of(e.Predicted)}; explained{(e.Asked is { IsAlone: false, Class: null } ? $" ({e.Asked.Name})" : "")}: {Of(e.Target)}";

        string Of(Score score) => $"{name(score.Index)}{(score.Probability is null ? " =" : ",")} {Share(score)}";
    }

    /// <summary>A probability as percentage; the value itself where it is none.</summary>
    internal static string Share(Score score) => score.Probability is { } probability ? Numbers.Percent(probability) : Numbers.Value(score.Output);

    /// <summary>A name for files that belong to a file.</summary>
    internal static string FileStem(string path) => Stem(Path.GetFileNameWithoutExtension(path));

    /// <summary>A name for files: letters and digits of another name, as many as take 64 bytes, so that three together and what else is in a name fit into the 255 that systems allow.</summary>
    internal static string Stem(string name)
    {
        string stem = string.Concat(name.Select(c => char.IsLetterOrDigit(c) || c is '-' or '_' ? c : '_'));
        int room = StemBytes;
        return string.Concat(stem.TakeWhile(c => (room -= Encoding.UTF8.GetByteCount([c])) >= 0));
    }
}
