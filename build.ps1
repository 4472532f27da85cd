# Builds Backtrace.Gpu on Windows. `./build.ps1` alone prints the verbs. Models run on Linux only, and so do tests, demo, benchmarks and
# the GPU kit: build.sh has these verbs, and sets the machine up.
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

  setup                     check that the .NET SDK is there; every other verb does this first
  build                     build everything (Release)
  pack                      NuGet packages into artifacts/packages
  format [--check]          format the sources, or only check them

test, demo, bench and gpu-kit need Linux on x86-64, such as WSL: ./build.sh there.
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

function Invoke-Pack {
    Remove-Item -Recurse artifacts/packages -ErrorAction SilentlyContinue
    foreach ($project in Get-ChildItem kernels/*/*.csproj, src/*/*.csproj) {
        if ($project.Name -like '*.Cli.csproj') { continue }
        Invoke-Program dotnet @('pack', $project.FullName, '-c', 'Release', '-o', 'artifacts/packages', '-v', 'q', '-p:ContinuousIntegrationBuild=true')
    }
    Get-ChildItem artifacts/packages/* | ForEach-Object { Write-Host $_.FullName }
}

function Invoke-Format([string[]] $arguments) {
    $arguments = @($arguments | ForEach-Object { if ($_ -eq '--check') { '--verify-no-changes' } else { $_ } })
    Invoke-Program dotnet (@('format', 'Backtrace.Gpu.sln') + $arguments)
}

Push-Location $PSScriptRoot
try {
    switch ($verb) {
        'setup' { Confirm-Sdk }
        'build' { Confirm-Sdk; Invoke-Program dotnet @('build', 'Backtrace.Gpu.sln', '-c', 'Release', '-v', 'q') }
        { $_ -in 'test', 'demo', 'bench', 'gpu-kit' } { Stop-Build "models run on Linux on x86-64 only: run ./build.sh $verb there, for example in WSL. Here, build, pack and format work." }
        'pack' { Confirm-Sdk; Invoke-Pack }
        'format' { Confirm-Sdk; Invoke-Format $rest }
        default { [Console]::Error.WriteLine($usage); exit 2 }
    }
}
finally {
    Pop-Location
}
