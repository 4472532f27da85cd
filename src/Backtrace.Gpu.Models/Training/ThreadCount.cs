using static TorchSharp.torch;

namespace Backtrace.Gpu.Models.Training;

/// <summary>Gives torch another number of threads until disposed.</summary>
internal readonly struct ThreadCount : IDisposable
{
    private readonly int before;

    internal ThreadCount(int threads)
    {
        before = get_num_threads();
        set_num_threads(threads);
    }

    public void Dispose() => set_num_threads(before);
}
