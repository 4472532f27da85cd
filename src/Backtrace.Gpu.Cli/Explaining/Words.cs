using Backtrace.Gpu.Cli.Pictures;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Sentences about an explained input, the same in pages, pictures and on the console.</summary>
internal static class Words
{
    /// <summary>"cat, 97.3 %", and the explained class where it is another one.</summary>
    internal static string Answer(Explained e, Func<int, string> name)
    {
        if (e.Mask is not null)
            return $"{name(e.Target.Index)} on {Numbers.Percent(e.Target.Probability)} of the picture";
        string answer = $"{name(e.Predicted.Index)}, {Numbers.Percent(e.Predicted.Probability)}";
        return e.Target.Index == e.Predicted.Index ? answer : $"{answer}; explained: {name(e.Target.Index)}, {Numbers.Percent(e.Target.Probability)}";
    }

    /// <summary>A name for files that is not taken yet.</summary>
    internal static string FileStem(string name, int position, IReadOnlySet<string> taken)
    {
        string stem = string.Concat(Path.GetFileNameWithoutExtension(name).Select(c => char.IsLetterOrDigit(c) || c is '-' or '_' ? c : '_'));
        if (stem.Length > 80)
            stem = stem[..80];
        string free = stem;
        // Another picture may really be called "photo_2".
        while (free.Length == 0 || taken.Contains(free))
            free += $"_{position}";
        return free;
    }
}
