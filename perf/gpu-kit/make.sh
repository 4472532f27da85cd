#!/usr/bin/env bash
# Packs a self-contained test and benchmark kit for a machine with an NVIDIA GPU, without .NET or network:
#   tar xf gpu-kit.tar.xz && gpu-kit/gpu-kit --json figures.json
# What it measures, and how to read it: docs/performance.md, "On a GPU".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

kit=artifacts/gpu-kit
limit=$((32 * 1000 * 1000))

rm -rf "$kit" "$kit.tar.xz"
dotnet publish perf/Backtrace.Gpu.Kit/Backtrace.Gpu.Kit.csproj -c Release -r linux-x64 --self-contained true \
    -p:DebugType=none -p:DebugSymbols=false -p:SatelliteResourceLanguages=en -o "$kit" -v q
rm -f "$kit"/*.xml "$kit"/*.pdb "$kit"/createdump "$kit"/libmscordaccore.so "$kit"/libmscordbi.so
mkdir -p "$kit/fixtures"
cp tests/fixtures/ops/*.safetensors "$kit/fixtures/"
cp LICENSE NOTICE "$kit/"
tar -C artifacts -c gpu-kit | xz -9e -T1 >"$kit.tar.xz"

size=$(stat -c %s "$kit.tar.xz")
echo "$PWD/$kit.tar.xz: $((size / 1000000)) MB"
if ((size > limit)); then
    echo "The kit is larger than 32 MB." >&2
    exit 1
fi

# The parts that need no GPU run here as a check; arguments choose the device.
if (($# == 0)); then set -- --device cpu; fi
"$kit/gpu-kit" "$@"
