using FsCheck;
using FsCheck.FSharp;
using Microsoft.FSharp.Core;

namespace Backtrace.Gpu.Tests.Support;

/// <summary>Random cases that are the same in every run: a failure is found again, and a run that passed passes.</summary>
internal static class Seeded
{
    /// <summary>Settings for <paramref name="count"/> cases.</summary>
    internal static Config Cases(int count) =>
        Config.QuickThrowOnFailure.WithMaxTest(count).WithReplay(FSharpOption<Replay>.Some(new Replay(new Rnd(1, 3), FSharpOption<int>.None)));
}
