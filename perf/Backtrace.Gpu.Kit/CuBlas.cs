using System.Runtime.InteropServices;
using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kit.Attention;
using ILGPU;
using ILGPU.Runtime;
using Device = Backtrace.Gpu.Kernels.Execution.Device;

namespace Backtrace.Gpu.Kit;

/// <summary>The machine's own cuBLAS in fp32, if it is installed: the yardstick for our contractions on NVIDIA GPUs.</summary>
internal sealed unsafe class CuBlas : IDisposable
{
    private static readonly string[] Names = ["libcublas.so.13", "libcublas.so.12", "libcublas.so.11", "libcublas.so"];

    private readonly Device device;
    private readonly nint library;
    private readonly nint handle;
    private readonly delegate* unmanaged<nint, int, int, int, int, int, float*, float*, int, float*, int, float*, float*, int, int> multiply;

    private CuBlas(Device device, nint library)
    {
        this.device = device;
        this.library = library;
        device.Accelerator.Bind();
        nint created;
        int status = ((delegate* unmanaged<nint*, int>)NativeLibrary.GetExport(library, "cublasCreate_v2"))(&created);
        if (status != 0)
            throw new InvalidOperationException($"cublasCreate gives {status}.");
        handle = created;
        multiply = (delegate* unmanaged<nint, int, int, int, int, int, float*, float*, int, float*, int, float*, float*, int, int>)NativeLibrary.GetExport(library, "cublasSgemm_v2");
    }

    internal static CuBlas? TryOpen(Device device, string python)
    {
        foreach (string name in Names.Concat(Toolkits()).Concat(TorchScript.Libraries(python)))
        {
            if (!NativeLibrary.TryLoad(name, out nint library))
                continue;
            try
            {
                return new CuBlas(device, library);
            }
            catch (Exception e) when (e is InvalidOperationException or EntryPointNotFoundException)
            {
                Console.WriteLine($"{name} is of no use: {e.Message}");
            }
        }

        Console.WriteLine("There is no cuBLAS on this machine: contractions have nothing beside them.");
        return null;
    }

    private static IEnumerable<string> Toolkits() =>
        !Directory.Exists("/usr/local") ? []
        : Directory.EnumerateDirectories("/usr/local", "cuda*").Order(StringComparer.Ordinal).Reverse()
            .Select(folder => Path.Combine(folder, "lib64")).Where(Directory.Exists).SelectMany(folder => Directory.EnumerateFiles(folder, "libcublas.so*"));

    // cuBLAS counts columns first: our row-major y = x·wᵀ is its yᵀ = w·xᵀ.
    internal void Linear(LinearShape s, ArrayView<float> x, ArrayView<float> w, ArrayView<float> y) =>
        Multiply(1, 0, s.Outputs, s.Rows, s.Inputs, w, s.Inputs, x, s.Inputs, y, s.Outputs);

    internal void LinearTransposed(LinearShape s, ArrayView<float> y, ArrayView<float> w, ArrayView<float> x) =>
        Multiply(0, 0, s.Inputs, s.Rows, s.Outputs, w, s.Inputs, y, s.Outputs, x, s.Inputs);

    public void Dispose()
    {
        device.Synchronize();
        ((delegate* unmanaged<nint, int>)NativeLibrary.GetExport(library, "cublasDestroy_v2"))(handle);
    }

    private void Multiply(int transposeA, int transposeB, int m, int n, int k, ArrayView<float> a, int lda, ArrayView<float> b, int ldb, ArrayView<float> c, int ldc)
    {
        float one = 1, zero = 0;
        int status = multiply(handle, transposeA, transposeB, m, n, k, &one, Address(a), lda, Address(b), ldb, &zero, Address(c), ldc);
        if (status != 0)
            throw new InvalidOperationException($"cublasSgemm gives {status}.");
    }

    private static float* Address(ArrayView<float> view) => (float*)view.LoadEffectiveAddressAsPtr();
}
