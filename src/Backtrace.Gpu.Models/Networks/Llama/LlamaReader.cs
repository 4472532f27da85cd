using static TorchSharp.torch;

namespace Backtrace.Gpu.Models;

/// <summary>Reads each token once: the keys and values of those before it are kept.</summary>
internal sealed class LlamaReader(LlamaBody model, int length) : ITokenReader
{
    private readonly KeyValueCache[] caches = [.. Enumerable.Range(0, model.Layers).Select(_ => new KeyValueCache(length))];

    public Tensor Read(Tensor ids) => model.Read(ids, caches);

    public void Dispose()
    {
        foreach (KeyValueCache cache in caches)
            cache.Dispose();
    }
}
