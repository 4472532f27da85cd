using static TorchSharp.torch;

namespace Backtrace.Gpu.Graphs;

/// <summary>The modules of which only the results are kept when they have run: the values inside are computed again when relevance reaches them. Removes its hooks when disposed.</summary>
internal sealed class RecomputedModules : IDisposable
{
    private readonly IReadOnlyCollection<string> patterns;
    private readonly ModuleNames names;
    private readonly Dictionary<nn.Module, IDisposable> hooks = new(ReferenceEqualityComparer.Instance);

    /// <param name="patterns">Paths of modules; a <c>*</c> stands for any one name.</param>
    /// <param name="names">The model's modules.</param>
    /// <exception cref="UnknownLayerException">A pattern fits no module, or one that takes no hooks.</exception>
    public RecomputedModules(IReadOnlyCollection<string> patterns, ModuleNames names)
    {
        this.patterns = patterns;
        this.names = names;
        foreach (string pattern in patterns)
        {
            if (!names.Modules.Any(module => Fits(pattern, names.PathOf(module))))
                throw new UnknownLayerException("an entry of Recompute", pattern, names.Modules.Select(names.PathOf).Where(known => known.Length > 0));
        }

        try
        {
            foreach (nn.Module module in names.Modules.Where(module => patterns.Any(pattern => Fits(pattern, names.PathOf(module)))))
            {
                if (!names.IsHooked(module))
                    throw new UnknownLayerException($"Recompute names the module '{names.PathOf(module)}', but it takes no hooks: derive it from nn.Module with type arguments.");
                hooks.Add(module, ModuleHooks.Observe(module, Begin, End));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Hears what a module is called with, and when it has run what it returned.</summary>
    public (Action<nn.Module, object?[]> Begin, Action<nn.Module, object?> End)? Listener { get; set; }

    /// <exception cref="UnsupportedLayerException">A pattern fits no module that ran.</exception>
    public void EnsureUsed(IReadOnlySet<nn.Module> called)
    {
        foreach (string pattern in patterns)
        {
            if (!called.Any(module => Fits(pattern, names.PathOf(module))))
                throw new UnsupportedLayerException($"Recompute names '{pattern}', but no such module was called. {CollapsedModules.RunWithCall}");
        }
    }

    public void Dispose()
    {
        foreach (IDisposable hook in hooks.Values)
            hook.Dispose();
        hooks.Clear();
    }

    private static bool Fits(string pattern, string path)
    {
        string[] wanted = pattern.Split('.'), parts = path.Split('.');
        return path.Length > 0 && wanted.Length == parts.Length && wanted.Zip(parts).All(pair => pair.First == "*" || pair.First == pair.Second);
    }

    private void Begin(nn.Module module, object?[] arguments)
    {
        if (names.IsHeard)
            Listener?.Begin(module, arguments);
    }

    private void End(nn.Module module, object? result)
    {
        if (names.IsHeard)
            Listener?.End(module, result);
    }
}
