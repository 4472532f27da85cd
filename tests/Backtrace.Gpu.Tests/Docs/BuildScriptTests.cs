using System.Diagnostics;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Docs;

/// <summary>build.sh on a machine where no model runs, which it takes this one for.</summary>
[Platform("Linux")]
public sealed class BuildScriptTests
{
    [Test]
    public void WhatRunsModelsStopsElsewhereInOneSentence([Values("test", "demo", "bench", "gpu-kit")] string verb)
    {
        (int code, string error) = Elsewhere(verb);
        Assert.That(code, Is.EqualTo(1));
        Assert.That(error, Is.EqualTo($"build.sh: models run on x86-64 only, on Linux, and on Windows by build.ps1: run '{verb}' there. On Darwin arm64, build, pack and format work.\n"));
    }

    [Test]
    public void WhatIsOnlyCompiledNeedsTheSdkAlone() => Assert.That(Elsewhere("setup"), Is.EqualTo((0, "")));

    private static (int Code, string Error) Elsewhere(string verb)
    {
        ProcessStartInfo start = new("bash", [Path.Combine(DocumentTests.Root, "build.sh"), verb]) { RedirectStandardError = true };
        start.Environment["BASH_FUNC_uname%%"] = "() { [[ $1 == -m ]] && echo arm64 || echo Darwin; }"; // an exported function
        using Process script = Process.Start(start)!;
        string error = script.StandardError.ReadToEnd();
        script.WaitForExit();
        return (script.ExitCode, error);
    }
}
