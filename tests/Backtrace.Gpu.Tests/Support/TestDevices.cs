using System.Collections.Concurrent;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Tests.Contraction;
using Backtrace.Gpu.Tests.Ptx;

namespace Backtrace.Gpu.Tests.Support;

/// <summary>The devices that tests run on: those of this machine, opened once, and GPUs simulated by ILGPU.</summary>
internal static class TestDevices
{
    private static readonly ConcurrentDictionary<string, Device> Opened = [];

    /// <summary>OpenCL and CUDA devices of this machine, possibly none.</summary>
    internal static IEnumerable<string> Gpus => DeviceList.All.Where(d => d.Kind != DeviceKind.Cpu && d.Obstacle == null).Select(d => d.Id);

    /// <summary>The processor and the GPUs: where an emulation is too slow, or shows nothing of the device.</summary>
    internal static IEnumerable<string> Present => ["cpu", .. Gpus];

    /// <summary>The processor, an NVIDIA GPU whose code is emulated, and the GPUs.</summary>
    internal static IEnumerable<string> All => ["cpu", "ptx", .. Gpus];

    /// <summary>Every way to run kernels that ILGPU compiles: the slow simulation, the emulation and the GPUs.</summary>
    internal static IEnumerable<string> Compiled => ["simulated", "ptx", .. Gpus];

    /// <summary>An emulated NVIDIA GPU that has cuBLAS, and those GPUs that may have it.</summary>
    internal static IEnumerable<string> CuBlas => ["cublas", .. Gpus.Where(id => Get(id).CuBlas.Any())];

    internal static Device Get(string id) => Opened.GetOrAdd(id, name => name switch
    {
        "simulated" => Device.SimulatedGpu(256),
        "ptx" => Device.EmulatedCuda(new PtxEmulator()),
        "cublas" => Device.EmulatedCuda(new PtxEmulator(), CuBlasDouble.Shared.Library()),
        _ => Device.Parse(name),
    });
}
