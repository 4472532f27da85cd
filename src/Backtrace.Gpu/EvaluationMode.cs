using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Backtrace.Gpu;

/// <summary>
/// Puts modules into evaluation mode, and each of them back as it was when disposed: when the last one that holds it is, because several threads may explain one model.
/// </summary>
internal readonly struct EvaluationMode : IDisposable
{
    private static readonly Lock Changing = new();
    private static readonly Dictionary<nn.Module, Held> All = new(ReferenceEqualityComparer.Instance);

    private readonly IReadOnlyList<nn.Module>? held;

    /// <param name="modules">All modules of a model, parents first.</param>
    public EvaluationMode(IReadOnlyList<nn.Module> modules)
    {
        lock (Changing)
        {
            bool training = modules.Any(m => m.training);
            if (!training && All.Count == 0)
                return;
            held = modules;
            foreach (nn.Module module in modules)
            {
                ref Held entry = ref CollectionsMarshal.GetValueRefOrAddDefault(All, module, out bool isHeld)!;
                entry = isHeld ? entry with { Holders = entry.Holders + 1 } : new Held(module.training, 1);
            }

            if (training)
                modules[0].eval();
        }
    }

    // Setting a parent sets its children too, which are then set right.
    public void Dispose()
    {
        if (held is null)
            return;
        lock (Changing)
        {
            foreach (nn.Module module in held)
            {
                Held entry = All[module];
                bool isLast = entry.Holders == 1;
                if (isLast)
                    All.Remove(module);
                else
                    All[module] = entry with { Holders = entry.Holders - 1 };
                bool training = isLast && entry.Training;
                if (module.training != training)
                    module.train(training);
            }
        }
    }

    private readonly record struct Held(bool Training, int Holders);
}
