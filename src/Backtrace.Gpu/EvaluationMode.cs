using static TorchSharp.torch;

namespace Backtrace.Gpu;

/// <summary>Puts modules into evaluation mode, and each of them back as it was when disposed.</summary>
internal readonly struct EvaluationMode : IDisposable
{
    private readonly List<(nn.Module Module, bool Training)>? before;

    /// <param name="modules">All modules of a model, parents first.</param>
    public EvaluationMode(IReadOnlyList<nn.Module> modules)
    {
        if (!modules.Any(m => m.training))
            return;
        before = [.. modules.Select(m => (m, m.training))];
        modules[0].eval();
    }

    // Setting a parent sets its children too, which are then set right.
    public void Dispose()
    {
        foreach ((nn.Module module, bool training) in before ?? [])
        {
            if (module.training != training)
                module.train(training);
        }
    }
}
