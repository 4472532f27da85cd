using System.Runtime.InteropServices;
using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Tests.Contraction;

/// <summary>
/// The functions of cuBLAS that are used, as NVIDIA's manual describes them, on the host's memory: columns first, and particular about arguments. Also refused
/// is a product before a stream was set, which the library would compute on the default one.
/// </summary>
internal sealed unsafe class CuBlasDouble
{
    private const int Success = 0, NotInitialized = 1, AllocationFailed = 3, InvalidValue = 7, ArchitectureMismatch = 8, NotSupported = 15;
    private const int Single = 0, BFloat16 = 14;
    private const int SumInSingle = 68, SumInSinglePedantic = 69;

    private readonly CuBlasFault fault;
    private readonly Dictionary<nint, bool> hasStream = [];
    private readonly Dictionary<string, Delegate> functions;
    private nint last = 1000;

    internal CuBlasDouble(CuBlasFault fault = CuBlasFault.None)
    {
        this.fault = fault;
        functions = new()
        {
            ["cublasCreate_v2"] = new CreateFunction(Create),
            ["cublasDestroy_v2"] = new DestroyFunction(Destroy),
            ["cublasGetProperty"] = new GetPropertyFunction(GetProperty),
            ["cublasSetStream_v2"] = new SetStreamFunction(SetStream),
            ["cublasGemmEx"] = new GemmFunction(Gemm),
            ["cublasGemmStridedBatchedEx"] = new GemmBatchFunction(GemmBatch),
        };
        if (fault == CuBlasFault.NoFunction)
            functions.Remove("cublasGemmStridedBatchedEx");
    }

    private delegate int CreateFunction(nint* handle);

    private delegate int DestroyFunction(nint handle);

    private delegate int GetPropertyFunction(int type, int* value);

    private delegate int SetStreamFunction(nint handle, nint stream);

    private delegate int GemmFunction(
        nint handle, int transa, int transb, int m, int n, int k, float* alpha, nint a, int typeA, int lda, nint b, int typeB, int ldb,
        float* beta, nint c, int typeC, int ldc, int computeType, int algorithm);

    private delegate int GemmBatchFunction(
        nint handle, int transa, int transb, int m, int n, int k, float* alpha, nint a, int typeA, int lda, long strideA, nint b, int typeB, int ldb, long strideB,
        float* beta, nint c, int typeC, int ldc, long strideC, int batchCount, int computeType, int algorithm);

    /// <summary>That of the test device <c>cublas</c>.</summary>
    internal static CuBlasDouble Shared { get; } = new();

    /// <summary>Handles that were not destroyed.</summary>
    internal int Handles => hasStream.Count;

    /// <summary>Products that were computed so far.</summary>
    internal int Products { get; private set; }

    /// <summary>Those with bf16 operands.</summary>
    internal int RoundedProducts { get; private set; }

    /// <summary>The functions by their addresses.</summary>
    /// <exception cref="EntryPointNotFoundException">One is missing.</exception>
    internal CuBlasLibrary Library() =>
        new(name => functions.TryGetValue(name, out Delegate? function) ? Marshal.GetFunctionPointerForDelegate(function) : throw new EntryPointNotFoundException(name));

    private int Create(nint* handle)
    {
        if (fault == CuBlasFault.NoHandle)
            return NotInitialized;
        *handle = ++last;
        hasStream.Add(last, false);
        return Success;
    }

    private int Destroy(nint handle) => hasStream.Remove(handle) ? Success : NotInitialized;

    private int GetProperty(int type, int* value)
    {
        if (type is < 0 or > 2)
            return InvalidValue;
        *value = type + 12;
        return Success;
    }

    private int SetStream(nint handle, nint stream)
    {
        if (!hasStream.ContainsKey(handle))
            return NotInitialized;
        hasStream[handle] = true;
        return Success;
    }

    private int Gemm(
        nint handle, int transa, int transb, int m, int n, int k, float* alpha, nint a, int typeA, int lda, nint b, int typeB, int ldb,
        float* beta, nint c, int typeC, int ldc, int computeType, int algorithm) =>
        GemmBatch(handle, transa, transb, m, n, k, alpha, a, typeA, lda, 0, b, typeB, ldb, 0, beta, c, typeC, ldc, 0, 1, computeType, algorithm);

    private int GemmBatch(
        nint handle, int transa, int transb, int m, int n, int k, float* alpha, nint a, int typeA, int lda, long strideA, nint b, int typeB, int ldb, long strideB,
        float* beta, nint c, int typeC, int ldc, long strideC, int batchCount, int computeType, int algorithm)
    {
        if (!hasStream.TryGetValue(handle, out bool isReady))
            return NotInitialized;
        if (!isReady || transa is < 0 or > 2 || transb is < 0 or > 2 || m < 0 || n < 0 || k < 0 || batchCount < 0)
            return InvalidValue;
        if (lda < Math.Max(1, transa == 0 ? m : k) || ldb < Math.Max(1, transb == 0 ? k : n) || ldc < Math.Max(1, m) || alpha == null || beta == null)
            return InvalidValue;

        // Matrices of a batch must not be written on top of each other.
        if (batchCount > 1 && strideC < ((n - 1) * (long)ldc) + m)
            return InvalidValue;
        if (typeC != Single || typeA != typeB || typeA is not (Single or BFloat16) || computeType is not (SumInSingle or SumInSinglePedantic) || algorithm is < -1 or > 23)
            return NotSupported;
        if (typeA == BFloat16 && fault == CuBlasFault.NoBFloat16)
            return ArchitectureMismatch;
        if (fault == CuBlasFault.NoMemory)
            return AllocationFailed;
        Products++;
        RoundedProducts += typeA == BFloat16 ? 1 : 0;

        // What the environment may ask for is not for pedantic products.
        bool isTf32 = typeA == Single && fault == CuBlasFault.Tf32;
        for (int batch = 0; batch < batchCount; batch++)
        {
            long from = fault == CuBlasFault.NoStrides ? 0 : batch;
            Matrix left = new(a, typeA, transa != 0, lda, from * strideA, isTf32), right = new(b, typeB, transb != 0, ldb, from * strideB, isTf32);
            for (int column = 0; column < n; column++)
            {
                for (int row = 0; row < m; row++)
                {
                    double sum = 0;
                    for (int i = 0; i < k; i++)
                        sum += (double)left[row, i] * right[i, column];
                    float* entry = (float*)c + (batch * strideC) + (column * (long)ldc) + row;
                    float value = (float)(*alpha * sum);
                    if (fault == CuBlasFault.RoundedResults)
                        value = (float)HostFloats.Round(value, ContractionPrecision.BFloat16);
                    *entry = *beta == 0 || fault == CuBlasFault.NoBeta ? value : value + (*beta * *entry);
                }
            }
        }

        return Success;
    }

    // op(A) as the manual writes it: entry (row, column) of A is at column · ld + row.
    private readonly struct Matrix(nint memory, int type, bool isTransposed, int ld, long offset, bool isTf32)
    {
        internal float this[int row, int column]
        {
            get
            {
                long index = offset + (isTransposed ? (row * (long)ld) + column : (column * (long)ld) + row);
                uint bits = type == BFloat16 ? (uint)((ushort*)memory)[index] << 16 : ((uint*)memory)[index];
                return BitConverter.UInt32BitsToSingle(isTf32 ? (bits + 0x1000) & 0xffffe000 : bits);
            }
        }
    }
}
