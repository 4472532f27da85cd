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

    /// <summary>libtorch's threads where it uses GNU OpenMP, else the .NET thread pool.</summary>
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
        GOMP_parallel(&Work, &job, (uint)Math.Min(parts, Count), 0);
    }

    [UnmanagedCallersOnly]
    private static void Work(void* data)
    {
        Job* job = (Job*)data;
        int part;
        while ((part = Interlocked.Increment(ref job->Next) - 1) < job->Parts)
            job->Part(job->State, part);
    }

    private static void CountPart(void* state, int part) => Interlocked.Increment(ref *(int*)state);

    [DllImport("gomp")]
    private static extern void GOMP_parallel(delegate* unmanaged<void*, void> function, void* data, uint threads, uint flags);

    private struct Job
    {
        public delegate*<void*, int, void> Part;
        public void* State;
        public int Parts;
        public int Next;
    }
}
