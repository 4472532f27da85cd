using System.Runtime.InteropServices;

namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>A copy of NVIDIA's cuBLAS, version 11 or later: the functions of it that are used here, by their names in C.</summary>
internal sealed unsafe class CuBlasLibrary
{
    /// <param name="export">The address of a function.</param>
    /// <exception cref="EntryPointNotFoundException">A function is missing.</exception>
    public CuBlasLibrary(Func<string, nint> export)
    {
        Create = (delegate* unmanaged<nint*, int>)export("cublasCreate_v2");
        Destroy = (delegate* unmanaged<nint, int>)export("cublasDestroy_v2");
        GetProperty = (delegate* unmanaged<int, int*, int>)export("cublasGetProperty");
        SetStream = (delegate* unmanaged<nint, nint, int>)export("cublasSetStream_v2");
        Multiply = (delegate* unmanaged<nint, int, int, int, int, int, void*, nint, int, int, nint, int, int, void*, nint, int, int, int, int, int>)export("cublasGemmEx");
        MultiplyBatch = (delegate* unmanaged<nint, int, int, int, int, int, void*, nint, int, int, long, nint, int, int, long, void*, nint, int, int, long, int, int, int, int>)
            export("cublasGemmStridedBatchedEx");
    }

    /// <summary>(new handle): a handle for the calling thread's CUDA context.</summary>
    public delegate* unmanaged<nint*, int> Create { get; }

    /// <summary>(handle).</summary>
    public delegate* unmanaged<nint, int> Destroy { get; }

    /// <summary>(0, 1 or 2, value): major version, minor version, patch.</summary>
    public delegate* unmanaged<int, int*, int> GetProperty { get; }

    /// <summary>(handle, stream).</summary>
    public delegate* unmanaged<nint, nint, int> SetStream { get; }

    /// <summary>(handle, op A, op B, m, n, k, α, A, type, ld, B, type, ld, β, C, type, ld, compute type, algorithm): C = α·op(A)·op(B) + β·C, columns first.</summary>
    public delegate* unmanaged<nint, int, int, int, int, int, void*, nint, int, int, nint, int, int, void*, nint, int, int, int, int, int> Multiply { get; }

    /// <summary>The same for a batch: after each leading dimension the entries from one matrix to the next, and their number before the compute type.</summary>
    public delegate* unmanaged<nint, int, int, int, int, int, void*, nint, int, int, long, nint, int, int, long, void*, nint, int, int, long, int, int, int, int> MultiplyBatch { get; }

    /// <summary>The copies among files or names that load, in their order.</summary>
    public static IEnumerable<CuBlasLibrary> Load(IEnumerable<string> files)
    {
        foreach (string file in files)
        {
            if (TryLoad(file) is { } library)
                yield return library;
        }
    }

    private static CuBlasLibrary? TryLoad(string file)
    {
        // It depends on this one, which the system may not find in a folder of its own.
        _ = NativeLibrary.TryLoad(CuBlasFiles.DependencyOf(file), typeof(CuBlasLibrary).Assembly, null, out _);
        if (!NativeLibrary.TryLoad(file, typeof(CuBlasLibrary).Assembly, null, out nint handle))
            return null;
        try
        {
            return new CuBlasLibrary(name => NativeLibrary.GetExport(handle, name));
        }
        catch (EntryPointNotFoundException)
        {
            // Too old.
            return null;
        }
    }
}
