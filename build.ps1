# Builds, tests and shows Backtrace.Gpu on Windows. `./build.ps1` alone prints the verbs. Elsewhere it calls build.sh, which has the same ones.
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

$usage = @'
Usage: ./build.ps1 VERB [arguments]

  setup                     check that the machine has what is needed; every other verb does this first
  build                     build everything (Release)
  test [--fixtures] [...]   build and run the tests; --fixtures: only the golden cases;
                            more arguments go to the test runner, e.g. --filter "Name~Conv"
  demo [...]                explain the demo models, write artifacts/demo/index.html
  bench [--quick] [...]     measure and print the performance table
  pack                      NuGet packages and the tool backtrace into artifacts/packages
  format [--check]          format the sources, or only check them

gpu-kit needs Linux on x86-64, such as WSL: ./build.sh there.
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

# What libtorch takes for granted.
function Confirm-Runtime {
    if ($env:PROCESSOR_ARCHITECTURE -ne 'AMD64') {
        Stop-Build "models run on x86-64 only, and this is $($env:PROCESSOR_ARCHITECTURE). Here, build, pack and format work."
    }
    $missing = @('msvcp140.dll', 'vcruntime140.dll', 'vcruntime140_1.dll' | Where-Object { -not (Test-Path (Join-Path ([Environment]::SystemDirectory) $_)) })
    if ($missing) {
        Stop-Build "the Visual C++ runtime is missing ($($missing -join ', ')), which libtorch needs: install it from https://aka.ms/vs/17/release/vc_redist.x64.exe."
    }
}

# Runs a program and ends the script with its exit status if it failed.
function Invoke-Program([string] $program, [string[]] $arguments) {
    & $program @arguments
    if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }
}

function Invoke-Build([string] $project) { Invoke-Program dotnet @('build', $project, '-c', 'Release', '-v', 'q') }

function Invoke-Tests([string[]] $arguments) {
    $fixtures = $arguments -contains '--fixtures'
    $arguments = @($arguments | Where-Object { $_ -ne '--fixtures' })
    if ($fixtures) { $arguments += '--filter', 'TestCategory=Fixtures' }

    Invoke-Build Backtrace.Gpu.sln
    New-Item -ItemType Directory -Force artifacts | Out-Null
    Remove-Item artifacts/fixtures.txt -ErrorAction SilentlyContinue
    $counts = @{ succeeded = 0; failed = 0; skipped = 0 }
    foreach ($project in Get-ChildItem tests/*.Tests/*.csproj) {
        $name = $project.BaseName
        $runner = Join-Path $project.DirectoryName "bin/Release/net10.0/$name.exe"
        $lines = @(& $runner --no-ansi --progress off @arguments | ForEach-Object { Write-Host $_; $_ })
        $code = $LASTEXITCODE
        $lines | Set-Content "artifacts/$name.log"
        $found = @{ succeeded = 0; failed = 0; skipped = 0 }
        foreach ($line in $lines) {
            if ($line -match '^ *(succeeded|failed|skipped): *(\d+)') { $found[$Matches[1]] = [int] $Matches[2] }
        }
        # 0: all passed, 2: some failed, 8: none ran. Anything else is a runner that did not finish.
        if ($code -notin 0, 2, 8 -or ($code -eq 2 -and $found.failed -eq 0) -or -not ($lines -match '^Test run summary:')) {
            Write-Host "$name did not finish (exit status $code)."
            $found.failed++
        }
        foreach ($kind in @($counts.Keys)) { $counts[$kind] += $found[$kind] }
    }
    if ($fixtures -and (Test-Path artifacts/fixtures.txt)) { Get-Content artifacts/fixtures.txt | Write-Host }
    $none = $counts.succeeded + $counts.failed -eq 0
    if ($none) { Write-Host 'No test ran.' }
    Write-Host "$($counts.succeeded) passed, $($counts.failed) failed, $($counts.skipped) skipped"
    if ($none -or $counts.failed -gt 0) { exit 1 }
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
    $options = @('-c', 'Release', '-o', 'artifacts/packages', '-v', 'q', '-p:ContinuousIntegrationBuild=true')
    foreach ($project in Get-ChildItem kernels/*/*.csproj, src/*/*.csproj) {
        if ($project.Name -like '*.Cli.csproj') { continue }
        Invoke-Program dotnet (@('pack', $project.FullName) + $options)
    }
    # The tool brings its native libraries along, those of the one platform that it runs on; its outputs must not replace the others. Compiled ahead, it starts
    # in two thirds of the time.
    Invoke-Program dotnet (@('pack', 'src/Backtrace.Gpu.Cli/Backtrace.Gpu.Cli.csproj') + $options + @('-r', 'win-x64', '-p:SelfContained=false', '-p:PublishReadyToRun=true', '--artifacts-path', 'artifacts/tool'))
    Get-ChildItem artifacts/packages/* | ForEach-Object { Write-Host $_.FullName }
}

function Invoke-Format([string[]] $arguments) {
    $arguments = @($arguments | ForEach-Object { if ($_ -eq '--check') { '--verify-no-changes' } else { $_ } })
    Invoke-Program dotnet (@('format', 'Backtrace.Gpu.sln') + $arguments)
}

Push-Location $PSScriptRoot
try {
    switch ($verb) {
        'setup' { Confirm-Sdk; Confirm-Runtime }
        'build' { Confirm-Sdk; Invoke-Build Backtrace.Gpu.sln }
        'test' { Confirm-Sdk; Confirm-Runtime; Invoke-Tests $rest }
        'demo' { Confirm-Sdk; Confirm-Runtime; Invoke-Demo $rest }
        'bench' { Confirm-Sdk; Confirm-Runtime; Invoke-Bench $rest }
        'gpu-kit' { Stop-Build "the GPU kit is made and run on Linux on x86-64: run ./build.sh gpu-kit there, for example in WSL." }
        'pack' { Confirm-Sdk; Invoke-Pack }
        'format' { Confirm-Sdk; Invoke-Format $rest }
        default { [Console]::Error.WriteLine($usage); exit 2 }
    }
}
finally {
    Pop-Location
}
