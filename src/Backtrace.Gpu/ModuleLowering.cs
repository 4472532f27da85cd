using Backtrace.Gpu.Kernels.Rules;
using TorchSharp;

namespace Backtrace.Gpu;

/// <summary>
/// Makes one node of all that a module computes, whatever operators it uses, so that one rule serves it. The node's inputs are what depends
/// on the explained input and is read inside, in order of first use; its outputs are what is made inside and used outside, in the order in which
/// it was made. The module's parameters and buffers have their own names in <see cref="RuleContext.Parameter"/>.
/// </summary>
/// <remarks>The module must be run with <c>call</c>. Registered modules inside of a registered module are parts of it.</remarks>
public sealed class ModuleLowering
{
    private readonly Func<torch.nn.Module, bool> serves;

    private ModuleLowering(string? path, string subject, Func<torch.nn.Module, bool> serves, Func<torch.nn.Module, Operation> operation)
    {
        Path = path;
        Subject = subject;
        this.serves = serves;
        CreateOperation = operation;
    }

    /// <summary>Serves all modules of a type, also of derived ones.</summary>
    /// <param name="operation">Makes the operation of the node from the module; called each time that the module runs.</param>
    public static ModuleLowering Of<TModule>(Func<TModule, Operation> operation)
        where TModule : torch.nn.Module =>
        new(null, $"modules of the type {typeof(TModule).Name}", static module => module is TModule, module => operation((TModule)module));

    /// <summary>Serves the module at a path such as <c>encoder.gate</c>. Goes before all that serve types.</summary>
    /// <param name="path">The module's name in the model.</param>
    /// <param name="operation">As for <see cref="Of"/>.</param>
    public static ModuleLowering At(string path, Func<torch.nn.Module, Operation> operation) => new(path, $"the module '{path}'", static _ => false, operation);

    internal string? Path { get; }

    /// <summary>What it serves, for messages.</summary>
    internal string Subject { get; }

    internal Func<torch.nn.Module, Operation> CreateOperation { get; }

    internal bool Serves(string path, torch.nn.Module module) => path == Path || serves(module);
}
