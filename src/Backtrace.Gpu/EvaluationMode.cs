using System.Runtime.InteropServices;
using Backtrace.Gpu.Graphs;
using static TorchSharp.torch;

namespace Backtrace.Gpu;

/// <summary>
/// Puts modules into evaluation mode, and each of them back as it was when disposed: when the last one that holds it, or a part of it, is. Several threads may explain one
/// model, or one of them a part of it.
/// </summary>
internal readonly struct EvaluationMode : IDisposable
{
    private static readonly Lock Changing = new();
    private static readonly Dictionary<nn.Module, Held> All = new(ReferenceEqualityComparer.Instance);

    private readonly IReadOnlyList<nn.Module>? held;

    /// <summary>Holds all modules of a model.</summary>
    /// <exception cref="ObjectDisposedException">One of them is disposed; says which.</exception>
    public static EvaluationMode Of(ModuleNames names)
    {
        try
        {
            return new EvaluationMode(names.Modules);
        }
        catch (ObjectDisposedException)
        {
            names.EnsureAlive();
            throw;
        }
    }

    /// <param name="modules">All modules of a model, parents first.</param>
    /// <exception cref="ObjectDisposedException">One of them is disposed.</exception>
    public EvaluationMode(IReadOnlyList<nn.Module> modules)
    {
        lock (Changing)
        {
            // All are asked, so that a disposed one throws before anything is held.
            bool training = false;
            foreach (nn.Module module in modules)
                training |= module.training;
            if (!training && All.Count == 0)
                return;
            // Setting the model sets parts too that it got after the list was made.
            held = training ? [.. modules.Union(Parts(modules[0]), ReferenceEqualityComparer.Instance).Cast<nn.Module>()] : modules;
            foreach (nn.Module module in held)
            {
                ref Held entry = ref CollectionsMarshal.GetValueRefOrAddDefault(All, module, out bool isHeld)!;
                entry = isHeld ? entry with { Holders = entry.Holders + 1 } : new Held(module.training, 1);
            }

            if (training)
                modules[0].eval();
        }
    }

    public void Dispose()
    {
        if (held is null)
            return;
        lock (Changing)
        {
            foreach (nn.Module module in held)
                All[module] = All[module] with { Holders = All[module].Holders - 1 };
            // Parents first.
            foreach (nn.Module module in held.Concat(All.Keys).ToArray())
                PutBack(module);
        }
    }

    // A TorchScript module makes new objects for its parts each time that it is asked: they are put back by those that are held.
    private static IEnumerable<nn.Module> Parts(nn.Module module) => module.modules().Where(part => part is not jit.ScriptModule || part == module);

    // Setting a module sets all its parts too: it waits until none of them is held, and then they are set right.
    private static void PutBack(nn.Module module)
    {
        if (!All.TryGetValue(module, out Held entry) || entry.Holders > 0)
            return;
        nn.Module[] parts = [.. Parts(module)];
        if (parts.Any(part => All.TryGetValue(part, out Held held) && held.Holders > 0))
            return;
        All.Remove(module);
        try
        {
            (nn.Module Part, bool Training)[] modes = Array.ConvertAll(parts, part => (part, All.Remove(part, out Held held) ? held.Training : part.training));
            if (module.training != entry.Training)
                module.train(entry.Training);
            foreach ((nn.Module part, bool training) in modes)
            {
                if (part.training != training)
                    part.train(training);
            }
        }
        catch (ObjectDisposedException)
        {
            // Its owner disposed it while it waited for a part.
        }
    }

    private readonly record struct Held(bool Training, int Holders);
}
