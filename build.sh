#!/usr/bin/env bash
# Builds, tests and shows Backtrace.Gpu. `./build.sh` alone prints the verbs.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"

export DOTNET_CLI_TELEMETRY_OPTOUT=1 TESTINGPLATFORM_TELEMETRY_OPTOUT=1
export DOTNET_NOLOGO=1 DOTNET_CLI_UI_LANGUAGE=en

test_minutes=15 # limit of one `test`, build included

usage() {
    cat <<'TEXT'
Usage: ./build.sh VERB [arguments]

  setup                     install what the machine lacks; every other verb does this first
  build                     build everything (Release)
  test [--fixtures] [...]   build and run the tests; --fixtures: only the golden cases;
                            more arguments go to the test runner, e.g. --filter "Name~Conv"
  demo [...]                explain the demo models, write artifacts/demo/index.html
  bench [--quick] [...]     measure and print the performance table
  pack                      NuGet packages and the tool backtrace into artifacts/packages
  format [--check]          format the sources, or only check them
  gpu-kit [...]             a test and benchmark kit for a Linux machine with an NVIDIA GPU

test, demo, bench and gpu-kit need Linux on x86-64; the others work wherever the .NET SDK does. Windows: build.ps1.
BACKTRACE_OPENCL=no skips the installation of OpenCL.
TEXT
}

say() { printf '%s\n' "build.sh: $*"; }
stop() { printf '%s\n' "build.sh: $*" >&2; exit 1; }

# ---- set-up ----

trixie_sources=/etc/apt/sources.list.d/backtrace-trixie.sources
trixie_pin=/etc/apt/preferences.d/backtrace-trixie
linker_cache=

setup() {
    find_dotnet
    runs_models || return 0 # the rest is for what runs, not for what is compiled
    read_linker_cache
    has_cxx_runtime || install_cxx_runtime
    has_tls || install_tls
    [[ ${BACKTRACE_OPENCL:-yes} == no ]] || has_opencl || install_opencl
    # The SDK refuses to start without ICU unless it is told to.
    compgen -G '/usr/lib*/libicuuc.so.*' >/dev/null || compgen -G '/usr/lib/*/libicuuc.so.*' >/dev/null ||
        export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1
}

# Forward passes are recorded by libtorch for Linux or Windows on x86-64 (docs/architecture.md); build.ps1 is for Windows.
runs_models() { [[ "$(uname -s) $(uname -m)" == "Linux x86_64" ]]; }

setup_to_run() {
    runs_models || stop "models run on x86-64 only, on Linux, and on Windows by build.ps1: run '$verb' there. On $(uname -s) $(uname -m), build, pack and format work."
    setup
}

find_dotnet() {
    local folder sdks
    if ! command -v dotnet >/dev/null; then
        for folder in "${DOTNET_ROOT:-}" "${HOME:-}/.dotnet" /usr/share/dotnet /usr/lib/dotnet; do
            if [[ -x $folder/dotnet ]]; then PATH="$PATH:$folder"; break; fi
        done
    fi
    sdks=$(dotnet --list-sdks 2>/dev/null || true)
    grep -q '^10\.0\.' <<<"$sdks" ||
        stop "the .NET SDK 10.0 is missing: install it from https://dotnet.microsoft.com/download/dotnet/10.0."
    folder=$(dirname "$(readlink -f "$(command -v dotnet)")")
    if [[ -z ${DOTNET_ROOT:-} && -d $folder/shared ]]; then export DOTNET_ROOT="$folder"; fi
}

read_linker_cache() { linker_cache=$(PATH="$PATH:/usr/sbin:/sbin" ldconfig -p 2>/dev/null || true); }

# The file that the loader would take for a library's name, or nothing.
library() {
    local folder
    local -a folders
    IFS=: read -ra folders <<<"${LD_LIBRARY_PATH:-}"
    for folder in "${folders[@]}"; do
        if [[ -e $folder/$1 ]]; then printf '%s\n' "$folder/$1"; return; fi
    done
    sed -n "s|^[[:space:]]*$1 (libc6,x86-64.* => ||p" <<<"$linker_cache" | sed -n 1p
}

# TorchSharp's native library is linked against the C++ runtime of GCC 13.
has_cxx_runtime() {
    local file
    file=$(library libstdc++.so.6)
    [[ -n $file ]] && grep -a -q GLIBCXX_3.4.32 "$file"
}

# NuGet needs OpenSSL and root certificates.
has_tls() {
    local file
    [[ -n $(library libssl.so.3) || -n $(library libssl.so.1.1) ]] || return 1
    for file in "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt /etc/ssl/cert.pem \
        /etc/ssl/ca-bundle.pem /etc/pki/tls/certs/ca-bundle.crt; do
        if [[ -s $file ]]; then return 0; fi
    done
    return 1
}

# A loader and a driver. PoCL before 5 lacks what the kernels need.
has_opencl() {
    local drivers=(/etc/OpenCL/vendors/*.icd)
    [[ -n $(library libOpenCL.so.1) && -e ${drivers[0]} ]] || return 1
    [[ ${#drivers[@]} -gt 1 || ${drivers[0]} != */pocl.icd ]] && return 0
    [[ $(dpkg-query -W -f '${Version}' pocl-opencl-icd 2>/dev/null || echo 6) != [1-4].* ]]
}

install_cxx_runtime() {
    can_install || stop "the C++ runtime is too old for libtorch (GLIBCXX_3.4.32 is missing): install the libstdc++6 of GCC 13 or newer, or run this as root on Debian 12."
    say "the C++ runtime is too old for libtorch (GLIBCXX_3.4.32 is missing)."
    if [[ $(debian_version) == 12 ]]; then add_trixie; fi
    install "Debian 13's C++ runtime and the C library that it needs" -t trixie libstdc++6 ||
        stop "Debian 13's libstdc++6 could not be installed: check the network and the apt mirror (log: $apt_log)."
    read_linker_cache
    has_cxx_runtime || stop "libstdc++6 was installed, but the loader still finds an older one: $(library libstdc++.so.6)."
}

install_tls() {
    can_install || stop "OpenSSL or root certificates are missing, which NuGet needs: install ca-certificates and libssl."
    install "OpenSSL and root certificates for NuGet" ca-certificates openssl ||
        stop "ca-certificates could not be installed: check the network and the apt mirror (log: $apt_log)."
}

install_opencl() {
    if ! can_install; then
        say "OpenCL is missing (optional): tests on OpenCL are skipped."
        return
    fi
    if [[ $(debian_version) == 12 ]]; then add_trixie; fi
    install "OpenCL (optional): Debian 13's PoCL 6" -t trixie pocl-opencl-icd ocl-icd-libopencl1 ||
        say "warning: PoCL could not be installed (log: $apt_log); tests on OpenCL are skipped."
}

# 12 or 13 on Debian, else nothing. With Debian 13's C library, Debian 12 calls itself 13.
debian_version() { (. /etc/os-release && [[ $ID == debian && $VERSION_ID == 1[23] ]] && echo "$VERSION_ID") 2>/dev/null || true; }

can_install() { [[ $EUID == 0 && -n $(debian_version) ]] && command -v apt-get >/dev/null; }

# Debian 13 becomes visible to apt, but only for packages that are asked from it by name.
add_trixie() {
    [[ -e $trixie_sources && -e $trixie_pin ]] && return
    say "adding Debian 13 as an apt source, pinned so that nothing else is upgraded: $trixie_sources, $trixie_pin"
    mkdir -p /etc/apt/preferences.d /etc/apt/sources.list.d
    printf '%s\n' 'Package: *' 'Pin: release n=trixie' 'Pin-Priority: 100' >"$trixie_pin"
    printf '%s\n' 'Types: deb' 'URIs: http://deb.debian.org/debian' 'Suites: trixie' 'Components: main' \
        'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg' >"$trixie_sources"
}

apt_log=$PWD/artifacts/setup.log

# install WHAT APT-ARGUMENTS...; a failing mirror gets a second chance.
install() {
    local what=$1
    shift
    say "installing $what ..."
    mkdir -p artifacts
    if apt_install "$@"; then return 0; fi
    say "that failed; trying once more ..."
    sleep 5
    apt_install "$@"
}

apt_install() {
    local options=(-y -q -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confold)
    {
        DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" update &&
            DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" install --no-install-recommends "$@"
    } >>"$apt_log" 2>&1 </dev/null
}

# ---- verbs ----

compile() { dotnet build "$1" -c Release -v q; }

# run_tests [--fixtures] [ARGUMENTS OF THE RUNNER...]
run_tests() {
    local passed=0 failed=0 skipped=0 status=0 fixtures=no project name runner log code left deadline
    local -a arguments=()
    for name in "$@"; do
        if [[ $name == --fixtures ]]; then fixtures=yes; else arguments+=("$name"); fi
    done
    if [[ $fixtures == yes ]]; then arguments+=(--filter TestCategory=Fixtures); fi

    deadline=$((SECONDS + test_minutes * 60 - 30))
    compile Backtrace.Gpu.sln
    mkdir -p artifacts
    rm -f artifacts/fixtures.txt
    for project in tests/*.Tests/*.csproj; do
        name=$(basename "$project" .csproj)
        runner=$(dirname "$project")/bin/Release/net10.0/$name
        log=artifacts/$name.log
        left=$((deadline - SECONDS))
        code=0
        timeout --foreground --signal=INT --kill-after=15 $((left > 1 ? left : 1)) \
            "$runner" --no-ansi --progress off "${arguments[@]}" 2>&1 | tee "$log" || code=$?
        count "$log"
        # 0: all passed, 2: some failed, 8: none ran. Anything else is a runner that did not finish.
        if [[ $code != [028] || ( $code == 2 && $count_failed == 0 ) ]] || ! grep -q '^Test run summary:' "$log"; then
            echo "$name did not finish (exit status $code)."
            status=1 count_failed=$((count_failed + 1))
        fi
        passed=$((passed + count_passed)) failed=$((failed + count_failed)) skipped=$((skipped + count_skipped))
    done
    if [[ $fixtures == yes && -e artifacts/fixtures.txt ]]; then cat artifacts/fixtures.txt; fi
    if ((passed + failed == 0)); then echo "No test ran."; status=1; fi
    if ((failed > 0)); then status=1; fi
    echo "$passed passed, $failed failed, $skipped skipped"
    return $status
}

# Reads a runner's summary into count_passed, count_failed, count_skipped.
count() {
    count_passed=$(number succeeded "$1")
    count_failed=$(number failed "$1")
    count_skipped=$(number skipped "$1")
}

number() {
    local found
    found=$(sed -n "s/^ *$1: *\([0-9][0-9]*\).*/\1/p" "$2" | tail -n 1)
    echo "${found:-0}"
}

demo() {
    compile src/Backtrace.Gpu.Cli/Backtrace.Gpu.Cli.csproj
    src/Backtrace.Gpu.Cli/bin/Release/net10.0/backtrace demo --out artifacts/demo "$@"
    [[ -e artifacts/demo/index.html ]] || stop "the demo wrote no artifacts/demo/index.html."
    echo "$PWD/artifacts/demo/index.html"
}

bench() {
    compile perf/Backtrace.Gpu.Perf/Backtrace.Gpu.Perf.csproj
    perf/Backtrace.Gpu.Perf/bin/Release/net10.0/Backtrace.Gpu.Perf "$@"
}

pack() {
    local project
    rm -rf artifacts/packages
    for project in kernels/*/*.csproj src/*/*.csproj; do
        if [[ $project != *.Cli.csproj ]]; then dotnet pack "$project" -c Release -o artifacts/packages -v q -p:ContinuousIntegrationBuild=true; fi
    done
    # The tool brings its native libraries along, those of the one platform that it runs on; its outputs must not replace the others. Compiled ahead, it starts
    # in two thirds of the time.
    dotnet pack src/Backtrace.Gpu.Cli/Backtrace.Gpu.Cli.csproj -c Release -o artifacts/packages -v q -p:ContinuousIntegrationBuild=true \
        -r linux-x64 -p:SelfContained=false -p:PublishReadyToRun=true --artifacts-path artifacts/tool
    ls artifacts/packages/*
}

format() {
    if [[ ${1:-} == --check ]]; then
        shift
        set -- --verify-no-changes "$@"
    fi
    dotnet format Backtrace.Gpu.sln "$@"
}

gpu_kit() {
    [[ -e perf/gpu-kit/make.sh ]] || stop "perf/gpu-kit/make.sh is missing."
    bash perf/gpu-kit/make.sh "$@"
}

verb=${1:-}
if (($# > 0)); then shift; fi
case $verb in
    setup) setup ;;
    build) setup; compile Backtrace.Gpu.sln ;;
    test) setup_to_run; run_tests "$@" ;;
    demo) setup_to_run; demo "$@" ;;
    bench) setup_to_run; bench "$@" ;;
    pack) setup; pack ;;
    format) setup; format "$@" ;;
    gpu-kit) setup_to_run; gpu_kit "$@" ;;
    *) usage >&2; exit 2 ;;
esac
