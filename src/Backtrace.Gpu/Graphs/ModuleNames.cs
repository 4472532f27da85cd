using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Rules;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Graphs;

/// <summary>A parameter or buffer of the model. The handle is ours and outlives the graphs that use it.</summary>
internal sealed record KnownTensor(string Name, RawTensor Held, long[] Shape, bool IsContiguous, bool IsParameter);

/// <summary>
/// Names nodes after the model's modules: forward hooks tell which module is running, and the memory of a parameter tells whose it
/// is, also where a module was run through <c>forward</c>, which fires no hooks. Removes its hooks when disposed.
/// </summary>
internal sealed class ModuleNames : IDisposable
{
    private readonly Dictionary<nint, KnownTensor> byData = [];
    private readonly Dictionary<nint, KnownTensor> byIdentity = [];
    private readonly Dictionary<nn.Module, string> paths = new(ReferenceEqualityComparer.Instance);
    private readonly List<nn.Module> modules = [];
    private readonly HashSet<nn.Module> leaves = new(ReferenceEqualityComparer.Instance);
    private readonly List<nn.Module> running = [];
    private readonly Dictionary<nn.Module, IDisposable> hooks = new(ReferenceEqualityComparer.Instance);
    private int listeningThread;

    public ModuleNames(nn.Module? model)
    {
        if (model is null)
            return;
        AddModule(model, "");
        foreach ((string path, nn.Module module) in model.named_modules())
        {
            if (path.Length > 0)
                AddModule(module, path);
        }

        Refresh(model);
    }

    /// <summary>The model and all modules in it, parents first.</summary>
    public IReadOnlyList<nn.Module> Modules => modules;

    /// <summary>Reads the addresses of parameters and buffers again, after weights were loaded or moved.</summary>
    public void Refresh(nn.Module model)
    {
        Forget();
        foreach ((string name, Tensor tensor) in Tensors(model, recurse: true))
            Remember(name, tensor);
    }

    /// <summary>Names the first module that is disposed.</summary>
    /// <exception cref="ObjectDisposedException">There is one.</exception>
    public void EnsureAlive()
    {
        foreach (nn.Module module in modules)
        {
            try
            {
                _ = module.training;
            }
            catch (ObjectDisposedException)
            {
                string path = PathOf(module);
                throw new ObjectDisposedException(module.GetType().Name, $"{(path.Length == 0 ? "The model" : $"The model's {path}")} was disposed. Give a Backtracer a model that lives as long as it does.");
            }
        }
    }

    /// <summary>Parameters, then buffers, by name.</summary>
    public static IEnumerable<(string Name, Tensor Tensor)> Tensors(nn.Module module, bool recurse) =>
        module.named_parameters(recurse).Select(p => (p.name, (Tensor)p.parameter)).Concat(module.named_buffers(recurse).Select(b => (b.name, b.buffer)));

    /// <summary>Hears which module begins and, when some have ended, how many still run.</summary>
    public (Action<nn.Module, int> Begin, Action<int> End)? Listener { get; set; }

    public string PathOf(nn.Module module) => paths[module];

    /// <summary>True if calls of the module are noticed.</summary>
    public bool IsHooked(nn.Module module) => hooks.ContainsKey(module);

    /// <summary>A forward pass begins on this thread. Calls of the model on other threads, and after <see cref="Stop"/>, are not heard.</summary>
    public void Start()
    {
        running.Clear();
        Volatile.Write(ref listeningThread, Environment.CurrentManagedThreadId);
    }

    /// <summary>The forward pass has ended, perhaps in an exception.</summary>
    public void Stop()
    {
        Volatile.Write(ref listeningThread, 0);
        running.Clear();
    }

    /// <summary>The parameter or buffer that starts at this address, through whichever view.</summary>
    public KnownTensor? OfData(nint address) => byData.GetValueOrDefault(address);

    /// <summary>The parameter or buffer that is this tensor.</summary>
    public KnownTensor? OfIdentity(nint identity) => byIdentity.GetValueOrDefault(identity);

    /// <summary>Path of the module that owns a parameter.</summary>
    public static string? OfParameter(Value parameter) =>
        parameter.Name is { } name && name.LastIndexOf('.') is > 0 and int dot ? name[..dot] : null;

    /// <summary>A unique name for a node that is recorded now.</summary>
    public string Current(Operation operation, HashSet<string> used)
    {
        string path = Running ?? "";
        if (!IsLeafRunning)
            path = path.Length == 0 ? operation.Name : $"{path}.{operation.Name}";
        return Unique(path, used);
    }

    /// <summary>A unique name for the node that a module became.</summary>
    public string NameOf(nn.Module module, Operation operation, HashSet<string> used) =>
        Unique(paths[module] is { Length: > 0 } path ? path : operation.Name, used);

    /// <summary>True for names of a module's own nodes and of those of its children.</summary>
    public static bool IsWithin(string name, string module) =>
        name.StartsWith(module, StringComparison.Ordinal) && (name.Length == module.Length || name[module.Length] is '.' or '#');

    /// <summary>True while a module without parts is running, which then names its nodes, whosever parameters it uses.</summary>
    public bool IsLeafRunning => running.Count > 0 && leaves.Contains(running[^1]) && paths[running[^1]].Length > 0;

    /// <summary>Path of the innermost module that is running; the operators of the whole model run in "".</summary>
    public string? Running => running.Count > 0 ? paths[running[^1]] : null;

    public static string Unique(string name, HashSet<string> used)
    {
        if (used.Add(name))
            return name;
        for (int k = 2; ; k++)
        {
            string numbered = $"{name}#{k}";
            if (used.Add(numbered))
                return numbered;
        }
    }

    public void Dispose()
    {
        foreach (IDisposable hook in hooks.Values)
            hook.Dispose();
        hooks.Clear();
        Forget();
    }

    private void Remember(string name, Tensor tensor)
    {
        RawTensor raw = new(tensor.Handle);
        if (byIdentity.ContainsKey(raw.Identity)) // tied weights keep their first name
            return;
        KnownTensor known = new(name, raw.Hold(), raw.Shape(), raw.IsContiguous, tensor is TorchSharp.Modules.Parameter);
        byIdentity.Add(raw.Identity, known);
        if (raw.Data != 0)
            byData.TryAdd(raw.Data, known);
    }

    private void Forget()
    {
        foreach (KnownTensor known in byIdentity.Values)
            known.Held.Free();
        byIdentity.Clear();
        byData.Clear();
    }

    private void AddModule(nn.Module module, string path)
    {
        if (!paths.TryAdd(module, path))
            return;
        modules.Add(module);
        if (!module.named_children().Any())
            leaves.Add(module);
        if (ModuleHooks.Register(module, Enter, Leave) is { } hook)
            hooks.Add(module, hook);
    }

    /// <summary>True on the thread that records, while it does.</summary>
    public bool IsHeard => Volatile.Read(ref listeningThread) == Environment.CurrentManagedThreadId;

    private void Enter(nn.Module module)
    {
        if (!IsHeard)
            return;
        running.Add(module);
        Listener?.Begin(module, running.Count - 1);
    }

    private void Leave(nn.Module module)
    {
        int index = IsHeard ? running.LastIndexOf(module) : -1;
        if (index < 0)
            return;
        running.RemoveRange(index, running.Count - index);
        Listener?.End(index);
    }
}
