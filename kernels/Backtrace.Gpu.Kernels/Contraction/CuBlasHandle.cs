using Backtrace.Gpu.Kernels.Execution;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using Device = Backtrace.Gpu.Kernels.Execution.Device;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>
/// A handle of cuBLAS in ILGPU's own CUDA context. It works on the stream that ILGPU's kernels run on, one after the other, so nothing has to wait for the
/// host, and with one stream the same call gives the same bits.
/// </summary>
internal sealed unsafe class CuBlasHandle : IDisposable
{
    // Values of cublasOperation_t, cudaDataType, cublasComputeType_t and cublasGemmAlgo_t.
    private const int Plain = 0, Transposed = 1;
    private const int Single = 0, BFloat16 = 14;
    private const int DefaultAlgorithm = -1;

    // Of cublasStatus_t.
    private const int Success = 0, AllocationFailed = 3;

    // Pedantic: no setting of the process or the environment turns fp32 operands into TF32 or emulates their products. bf16 wants tensor cores, and its
    // products are exact in fp32 anyway.
    private const int SumInSingle = 68, SumInSinglePedantic = 69;

    // The library's kernels count matrices along an axis of the grid.
    private const int MostMatrices = ushort.MaxValue;

    private readonly Device device;
    private readonly CuBlasLibrary library;
    private nint handle;

    /// <exception cref="DeviceException">The library does not work with this device.</exception>
    public CuBlasHandle(Device device, CuBlasLibrary library)
    {
        this.device = device;
        this.library = library;
        device.Accelerator.Bind();
        nint created;
        Check("cublasCreate", library.Create(&created));
        handle = created;
        try
        {
            Check("cublasSetStream", library.SetStream(handle, device.Accelerator.DefaultStream is CudaStream stream ? stream.StreamPtr : 0));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Version of the library, such as 12.6.4.</summary>
    public string Version => string.Join('.', Enumerable.Range(0, 3).Select(Property));

    /// <summary>C (+)= A·B, with operands that are fp32 or, two in the place of a float, bf16. All sizes are at least 1.</summary>
    public void Multiply(in ProductShape shape, ArrayView<float> a, ArrayView<float> b, ArrayView<float> c, ContractionPrecision operands)
    {
        device.Accelerator.Bind();
        int bytes = operands == ContractionPrecision.BFloat16 ? sizeof(ushort) : sizeof(float);
        nint left = a.LoadEffectiveAddressAsPtr(), right = b.LoadEffectiveAddressAsPtr(), target = c.LoadEffectiveAddressAsPtr();
        for (long first = 0; first < shape.Batch; first += MostMatrices)
        {
            ProductShape part = shape with { Batch = (int)Math.Min(shape.Batch - first, MostMatrices) };
            Multiply(part, left + (nint)(first * shape.StrideA * bytes), right + (nint)(first * shape.StrideB * bytes), target + (nint)(first * shape.StrideC * sizeof(float)), operands);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // With its context the handle is gone too.
        if (handle != 0 && !device.Accelerator.IsDisposed)
        {
            device.Accelerator.Bind();
            _ = library.Destroy(handle);
        }

        handle = 0;
    }

    // cuBLAS counts columns first: our row-major C = A·B is its Cᵀ = Bᵀ·Aᵀ.
    private void Multiply(in ProductShape s, nint a, nint b, nint c, ContractionPrecision operands)
    {
        float one = 1, keep = s.Accumulates ? 1 : 0;
        (int type, int compute) = operands == ContractionPrecision.BFloat16 ? (BFloat16, SumInSingle) : (Single, SumInSinglePedantic);
        (int opB, int ldB) = s.TransposedB ? (Transposed, s.Depth) : (Plain, s.Columns);
        (int opA, int ldA) = s.TransposedA ? (Transposed, s.Rows) : (Plain, s.Depth);
        if (s.Batch == 1)
        {
            Check("cublasGemmEx", library.Multiply(
                handle, opB, opA, s.Columns, s.Rows, s.Depth, &one, b, type, ldB, a, type, ldA, &keep, c, Single, s.Columns, compute, DefaultAlgorithm));
        }
        else
        {
            Check("cublasGemmStridedBatchedEx", library.MultiplyBatch(
                handle, opB, opA, s.Columns, s.Rows, s.Depth, &one, b, type, ldB, s.StrideB, a, type, ldA, s.StrideA, &keep, c, Single, s.Columns, s.StrideC, s.Batch, compute, DefaultAlgorithm));
        }
    }

    private int Property(int index)
    {
        int value;
        Check("cublasGetProperty", library.GetProperty(index, &value));
        return value;
    }

    private void Check(string call, int status)
    {
        if (status == Success)
            return;
        if (status == AllocationFailed)
            throw new DeviceException($"{device.Name} is out of memory ({call}). Explain smaller batches.");
        string name = status switch
        {
            1 => "NOT_INITIALIZED",
            7 => "INVALID_VALUE",
            8 => "ARCH_MISMATCH",
            11 => "MAPPING_ERROR",
            13 => "EXECUTION_FAILED",
            14 => "INTERNAL_ERROR",
            15 => "NOT_SUPPORTED",
            _ => $"{status}",
        };
        throw new DeviceException($"{device.Name} failed: {call} gives CUBLAS_STATUS_{name}.");
    }
}
