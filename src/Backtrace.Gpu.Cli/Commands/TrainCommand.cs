using System.CommandLine;

namespace Backtrace.Gpu.Cli.Commands;

/// <summary>`backtrace train`: the networks that this repository trains itself.</summary>
internal static class TrainCommand
{
    internal static Command Create() => new("train", "Train a network to be explained.") { TrainTabularCommand.Create(), TrainTextCommand.Create() };
}
