using System.Runtime.InteropServices;
using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Interop;

/// <summary>
/// The OpenMP threads of libtorch. After an operator they keep a core busy while they wait for the next one, so other threads would
/// have to fight them for it; and they start within a microsecond.
/// </summary>
internal sealed unsafe class OpenMpWorkers : Workers
{
    private OpenMpWorkers(int count) => Count = count;

    public override int Count { get; }

    /// <summary>libtorch's threads where its OpenMP is GNU's, as on Linux, or Intel's, as on Windows; else the .NET thread pool.</summary>
    public static Workers Create()
    {
        NativeLibraries.Register();
        int count = TorchSharp.torch.get_num_threads();
        if (count <= 1)
            return Single;
        try
        {
            OpenMpWorkers workers = new(count);
            int ran = 0;
            workers.Run(count, &CountPart, &ran);
            return ran == count ? workers : ThreadPool;
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            return ThreadPool;
        }
    }

    public override void Run(int parts, delegate*<void*, int, void> part, void* state)
    {
        if (parts <= 1)
        {
            if (parts == 1)
                part(state, 0);
            return;
        }

        Job job = new() { Part = part, State = state, Parts = parts };
        int threads = Math.Min(parts, Count);
        if (OperatingSystem.IsWindows())
        {
            Caller caller = new() { Flags = 2 };
            __kmpc_push_num_threads(&caller, __kmpc_global_thread_num(&caller), threads);
            __kmpc_fork_call(&caller, 1, &IntelWork, &job);
        }
        else
        {
            GOMP_parallel(&GnuWork, &job, (uint)threads, 0);
        }
    }

    [UnmanagedCallersOnly]
    private static void GnuWork(void* data) => Work((Job*)data);

    [UnmanagedCallersOnly]
    private static void IntelWork(int* thread, int* numberInTeam, void* data) => Work((Job*)data);

    private static void Work(Job* job)
    {
        int part;
        while ((part = Interlocked.Increment(ref job->Next) - 1) < job->Parts)
            job->Part(job->State, part);
    }

    private static void CountPart(void* state, int part) => Interlocked.Increment(ref *(int*)state);

    [DllImport("gomp")]
    private static extern void GOMP_parallel(delegate* unmanaged<void*, void> function, void* data, uint threads, uint flags);

    // Takes the number of arguments of the function, and then these: one here.
    [DllImport("libiomp5md")]
    private static extern void __kmpc_fork_call(Caller* caller, int arguments, delegate* unmanaged<int*, int*, void*, void> function, void* data);

    [DllImport("libiomp5md")]
    private static extern void __kmpc_push_num_threads(Caller* caller, int thread, int threads);

    [DllImport("libiomp5md")]
    private static extern int __kmpc_global_thread_num(Caller* caller);

    // What a compiler says of the place in the source (ident_t): nothing here, but that the call is of its kind (KMP_IDENT_KMPC).
    private struct Caller
    {
        public int Reserved1;
        public int Flags;
        public int Reserved2;
        public int Reserved3;
        public nint Source;
    }

    private struct Job
    {
        public delegate*<void*, int, void> Part;
        public void* State;
        public int Parts;
        public int Next;
    }
}
