using System.Globalization;
using Backtrace.Gpu.Models.Training;
using Spectre.Console;

namespace Backtrace.Gpu.Cli.Commands;

/// <summary>A progress bar over the passes of a training run, where a person is watching.</summary>
internal static class TrainingBar
{
    /// <param name="epochs">Number of passes.</param>
    /// <param name="score">What the validation score is, such as "validation AUC".</param>
    /// <param name="train">The run; told where to report, or null for nowhere.</param>
    internal static T Show<T>(int epochs, string score, Func<IProgress<TrainingProgress>?, T> train)
    {
        if (!CommandLine.IsInteractive)
            return train(null);
        return AnsiConsole.Progress().Start(context =>
        {
            ProgressTask task = context.AddTask("training", maxValue: epochs);
            return train(new TaskProgress(task, score));
        });
    }

    private sealed class TaskProgress(ProgressTask task, string score) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            task.Value = value.Epoch;
            task.Description = $"training, {score} {value.Score.ToString("F3", CultureInfo.InvariantCulture)}";
        }
    }
}
