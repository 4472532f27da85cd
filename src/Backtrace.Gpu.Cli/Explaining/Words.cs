using Backtrace.Gpu.Cli.Pictures;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Sentences about an explained input, the same in pages, pictures and on the console.</summary>
internal static class Words
{
    /// <summary>"cat, 97.3 %", and the explained class where it is another one.</summary>
    internal static string Answer(Explained e, Func<int, string> name)
    {
        if (e.Mask is not null)
            return $"{name(e.Target)} on {Numbers.Percent(e.Probabilities[e.Target])} of the picture";
        string answer = $"{name(e.Predicted)}, {Numbers.Percent(e.Probabilities[e.Predicted])}";
        return e.Target == e.Predicted ? answer : $"{answer}; explained: {name(e.Target)}, {Numbers.Percent(e.Probabilities[e.Target])}";
    }

    /// <summary>A name for files, unique for its position.</summary>
    internal static string FileStem(string name, int position, IReadOnlySet<string> taken)
    {
        string stem = string.Concat(Path.GetFileNameWithoutExtension(name).Select(c => char.IsLetterOrDigit(c) || c is '-' or '_' ? c : '_'));
        if (stem.Length > 80)
            stem = stem[..80];
        return stem.Length > 0 && !taken.Contains(stem) ? stem : $"{stem}_{position}";
    }
}
