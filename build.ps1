# Builds, tests and shows Backtrace.Gpu on Windows. `./build.ps1` alone prints the verbs.
# Elsewhere build.sh does the same and also sets the machine up.
$ErrorActionPreference = 'Stop'
$verb, $rest = $args
$rest = @($rest | Where-Object { $null -ne $_ })

if ($PSVersionTable.Platform -eq 'Unix') {
    & bash "$PSScriptRoot/build.sh" @args
    exit $LASTEXITCODE
}

$env:DOTNET_CLI_TELEMETRY_OPTOUT = '1'
$env:TESTINGPLATFORM_TELEMETRY_OPTOUT = '1'
$env:DOTNET_NOLOGO = '1'
$env:DOTNET_CLI_UI_LANGUAGE = 'en'

$testMinutes = 15 # limit of one `test`, build included

$usage = @'
Usage: ./build.ps1 VERB [arguments]

  setup                     check that the .NET SDK is there; every other verb does this first
  build                     build everything (Release)
  test [--fixtures] [...]   build and run the tests; --fixtures: only the golden cases;
                            more arguments go to the test runner, e.g. --filter "Name~Conv"
  demo [...]                explain the demo models, write artifacts/demo/index.html
  bench [--quick] [...]     measure and print the performance table
  pack                      NuGet packages into artifacts/packages
  format [--check]          format the sources, or only check them
  gpu-kit [...]             a test and benchmark kit for a Linux machine with an NVIDIA GPU (needs bash)
'@

function Stop-Build([string] $message) {
    [Console]::Error.WriteLine("build.ps1: $message")
    exit 1
}

function Confirm-Sdk {
    $sdks = @()
    if (Get-Command dotnet -ErrorAction SilentlyContinue) { $sdks = @(& dotnet --list-sdks) }
    if (-not ($sdks -match '^10\.0\.')) {
        Stop-Build 'the .NET SDK 10.0 is missing: install it from https://dotnet.microsoft.com/download/dotnet/10.0.'
    }
}

# Runs a program and ends the script with its exit status if it failed.
function Invoke-Program([string] $program, [string[]] $arguments) {
    & $program @arguments
    if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }
}

function Invoke-Build([string] $project) {
    Invoke-Program dotnet @('build', $project, '-c', 'Release', '-v', 'q')
}

# The last number that a runner's summary gives for a word, or 0.
function Get-Count([string] $word, [string[]] $lines) {
    $found = @($lines | Select-String -Pattern "^\s*${word}:\s*(\d+)")
    if ($found.Count -eq 0) { return 0 }
    return [int] $found[-1].Matches[0].Groups[1].Value
}

function Invoke-Tests([string[]] $arguments) {
    $fixtures = $arguments -contains '--fixtures'
    $arguments = @($arguments | Where-Object { $_ -ne '--fixtures' })
    if ($fixtures) { $arguments += @('--filter', 'TestCategory=Fixtures') }
    $passed = 0; $failed = 0; $skipped = 0

    $deadline = (Get-Date).AddSeconds($testMinutes * 60 - 30)
    Invoke-Build Backtrace.Gpu.sln
    New-Item -ItemType Directory -Force artifacts | Out-Null
    Remove-Item artifacts/fixtures.txt -ErrorAction SilentlyContinue
    foreach ($project in Get-ChildItem tests/*.Tests/*.csproj) {
        $name = $project.BaseName
        $runner = "tests/$name/bin/Release/net10.0/$name.exe"
        $left = [Math]::Max(1, [int] ($deadline - (Get-Date)).TotalSeconds)
        $lines = @()
        & $runner --no-ansi --progress off --timeout "${left}s" @arguments | Tee-Object -Variable lines | Out-Host
        $code = $LASTEXITCODE
        $failures = Get-Count failed $lines
        $complete = [bool] ($lines -match '^Test run summary:')
        # 0: all passed, 2: some failed, 8: none ran. Anything else is a runner that did not finish.
        if ($code -notin 0, 2, 8 -or ($code -eq 2 -and $failures -eq 0) -or -not $complete) {
            Write-Host "$name did not finish (exit status $code)."
            $failures++
        }
        $passed += Get-Count succeeded $lines
        $failed += $failures
        $skipped += Get-Count skipped $lines
    }
    if ($fixtures -and (Test-Path artifacts/fixtures.txt)) { Get-Content artifacts/fixtures.txt | Out-Host }
    if ($passed + $failed -eq 0) { Write-Host 'No test ran.' }
    Write-Host "$passed passed, $failed failed, $skipped skipped"
    if ($failed -gt 0 -or $passed -eq 0) { exit 1 }
}

function Invoke-Demo([string[]] $arguments) {
    Invoke-Build src/Backtrace.Gpu.Cli/Backtrace.Gpu.Cli.csproj
    Invoke-Program src/Backtrace.Gpu.Cli/bin/Release/net10.0/backtrace.exe (@('demo', '--out', 'artifacts/demo') + $arguments)
    if (-not (Test-Path artifacts/demo/index.html)) { Stop-Build 'the demo wrote no artifacts/demo/index.html.' }
    Write-Host (Resolve-Path artifacts/demo/index.html).Path
}

function Invoke-Bench([string[]] $arguments) {
    Invoke-Build perf/Backtrace.Gpu.Perf/Backtrace.Gpu.Perf.csproj
    Invoke-Program perf/Backtrace.Gpu.Perf/bin/Release/net10.0/Backtrace.Gpu.Perf.exe $arguments
}

function Invoke-Pack {
    Remove-Item -Recurse artifacts/packages -ErrorAction SilentlyContinue
    foreach ($project in Get-ChildItem kernels/*/*.csproj, src/*/*.csproj) {
        if ($project.Name -like '*.Cli.csproj') { continue }
        Invoke-Program dotnet @('pack', $project.FullName, '-c', 'Release', '-o', 'artifacts/packages', '-v', 'q')
    }
    Get-ChildItem artifacts/packages/*.nupkg | ForEach-Object { Write-Host $_.FullName }
}

function Invoke-Format([string[]] $arguments) {
    $arguments = @($arguments | ForEach-Object { if ($_ -eq '--check') { '--verify-no-changes' } else { $_ } })
    Invoke-Program dotnet (@('format', 'Backtrace.Gpu.sln') + $arguments)
}

function Invoke-GpuKit([string[]] $arguments) {
    if (-not (Test-Path perf/gpu-kit/make.sh)) { Stop-Build 'perf/gpu-kit/make.sh is missing.' }
    if (-not (Get-Command bash -ErrorAction SilentlyContinue)) { Stop-Build 'bash is missing: install Git for Windows.' }
    Invoke-Program bash (@('perf/gpu-kit/make.sh') + $arguments)
}

Push-Location $PSScriptRoot
try {
    switch ($verb) {
        'setup' { Confirm-Sdk }
        'build' { Confirm-Sdk; Invoke-Build Backtrace.Gpu.sln }
        'test' { Confirm-Sdk; Invoke-Tests $rest }
        'demo' { Confirm-Sdk; Invoke-Demo $rest }
        'bench' { Confirm-Sdk; Invoke-Bench $rest }
        'pack' { Confirm-Sdk; Invoke-Pack }
        'format' { Confirm-Sdk; Invoke-Format $rest }
        'gpu-kit' { Confirm-Sdk; Invoke-GpuKit $rest }
        default { [Console]::Error.WriteLine($usage); exit 2 }
    }
}
finally {
    Pop-Location
}
