using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Hears which rows cannot be used, and remembers the first reason.</summary>
/// <param name="skipped">Called with the message for each, which is then left out; null to stop at the first one.</param>
internal sealed class SkippedRows(Action<string>? skipped)
{
    private InvalidInputException? first;

    /// <summary>For <see cref="TabularPreprocessing.EncodeRows"/>.</summary>
    internal Action<InvalidInputException>? Add => skipped is null ? null : fault =>
    {
        first ??= fault;
        skipped(fault.Message);
    };

    /// <exception cref="InvalidInputException">No row is left.</exception>
    internal void EnsureLeft(int rows)
    {
        if (rows == 0)
            throw first!;
    }
}
