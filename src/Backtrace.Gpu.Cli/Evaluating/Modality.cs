namespace Backtrace.Gpu.Cli.Evaluating;

/// <summary>What a method or a metric can be used for.</summary>
[Flags]
internal enum Modality
{
    Table = 1,
    Picture = 2,
    Text = 4,
    All = Table | Picture | Text,
}
