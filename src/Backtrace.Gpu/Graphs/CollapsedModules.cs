using Backtrace.Gpu.Interop;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Graphs;

/// <summary>The modules of a model that become one node each, and whether they were run in the way that shows where they begin and end.</summary>
internal sealed class CollapsedModules
{
    private readonly IReadOnlyList<ModuleLowering> lowerings;
    private readonly ModuleNames names;
    private readonly Dictionary<nn.Module, ModuleLowering> served = new(ReferenceEqualityComparer.Instance);

    /// <exception cref="UnknownLayerException">A lowering serves no module of the model.</exception>
    public CollapsedModules(IReadOnlyList<ModuleLowering> lowerings, ModuleNames names)
    {
        this.lowerings = [.. lowerings.OrderBy(l => l.Path is null)]; // stable: paths first
        this.names = names;
        foreach (nn.Module module in names.Modules)
        {
            string path = names.PathOf(module);
            if (this.lowerings.FirstOrDefault(l => l.Serves(path, module)) is not { } lowering)
                continue;
            if (!names.IsHooked(module))
                throw new UnknownLayerException($"The options have a rule for the module '{path}', but it takes no hooks: derive it from nn.Module with type arguments.");
            served.Add(module, lowering);
        }

        foreach (ModuleLowering lowering in this.lowerings)
        {
            if (lowering.Path is { } path && names.Modules.All(m => names.PathOf(m) != path))
                throw new UnknownLayerException("a module rule", path, names.Modules.Select(names.PathOf).Where(known => known.Length > 0));
            if (lowering.Path is null && !served.ContainsValue(lowering))
                throw new UnknownLayerException($"The options have a rule for {lowering.Subject}, but the model has none.");
        }
    }

    public ModuleLowering? Find(nn.Module module) => served.GetValueOrDefault(module);

    /// <summary>Where the parameters and buffers lie that belong to such modules and to no other, with the path of the owner.</summary>
    public Dictionary<nint, string> OwnMemory()
    {
        Dictionary<nint, string> own = [];
        HashSet<nint> others = [];
        foreach (nn.Module module in served.Count == 0 ? [] : names.Modules)
        {
            string path = names.PathOf(module);
            string? owner = served.Keys.Select(names.PathOf).FirstOrDefault(p => p.Length == 0 || ModuleNames.IsWithin(path, p));
            foreach ((_, Tensor tensor) in ModuleNames.Tensors(module, recurse: false))
            {
                if (owner is null)
                    others.Add(new RawTensor(tensor.Handle).Data);
                else
                    own.TryAdd(new RawTensor(tensor.Handle).Data, owner);
            }
        }

        foreach (nint shared in others)
            own.Remove(shared);
        return own;
    }

    /// <exception cref="UnsupportedLayerException">A lowering served no module that ran.</exception>
    public void EnsureUsed(IReadOnlySet<nn.Module> called)
    {
        foreach (ModuleLowering lowering in lowerings)
        {
            if (!served.Any(s => s.Value == lowering && called.Contains(s.Key)))
                throw new UnsupportedLayerException($"The options have a rule for {lowering.Subject}, but none was called. {RunWithCall}");
        }
    }

    internal const string RunWithCall = "If it was run through forward, run it with call: forward does not tell where a module begins and ends.";
}
