using System.Runtime.InteropServices;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>A TorchScript module of one input and one output. Its parts have the names that they had in Python. Owns the script.</summary>
public sealed class TorchScriptNetwork : Module<Tensor, Tensor>
{
    private readonly jit.ScriptModule<Tensor, Tensor> script;

    private TorchScriptNetwork(jit.ScriptModule<Tensor, Tensor> script) : base(nameof(TorchScriptNetwork)) => this.script = script;

    /// <summary>Reads a file that <c>torch.jit.save</c> wrote, onto the CPU. It holds a program: load only files that you trust.</summary>
    /// <exception cref="ModelException">There is no such file, or libtorch cannot read it.</exception>
    public static TorchScriptNetwork Load(string path)
    {
        if (!File.Exists(path))
            throw new ModelException($"{path}: there is no such TorchScript file.");
        try
        {
            return new TorchScriptNetwork(jit.load<Tensor, Tensor>(path));
        }
        catch (ExternalException e)
        {
            throw new ModelException($"{path}: libtorch cannot read it as TorchScript; save it by torch.jit.trace(...).save or torch.jit.script(...).save. libtorch says: {e.Message.Split('\n')[0].Trim()}", e);
        }
    }

    /// <inheritdoc/>
    public override bool training => script.training;

    /// <summary>Runs the script.</summary>
    /// <exception cref="InvalidModelException">It returns something else than one tensor.</exception>
    public override Tensor forward(Tensor input) => ModelRunner.Call(script, [input]) is [var only]
        ? only
        : throw new InvalidModelException("The TorchScript module returned several tensors, where one is explained: script or trace one that returns its scores alone.");

    /// <inheritdoc/>
    public override void train(bool train = true) => script.train(train);

    /// <inheritdoc/>
    public override void eval() => script.eval();

    /// <inheritdoc/>
    public override IEnumerable<(string name, Parameter parameter)> named_parameters(bool recurse = true) => script.named_parameters(recurse);

    /// <inheritdoc/>
    public override IEnumerable<(string name, Tensor buffer)> named_buffers(bool recurse = true, bool include_nonpersistent = true) => script.named_buffers(recurse, include_nonpersistent);

    /// <inheritdoc/>
    public override IEnumerable<Parameter> parameters(bool recurse = true) => script.parameters(recurse);

    /// <inheritdoc/>
    public override IEnumerable<(string name, Module module)> named_modules() => script.named_modules();

    /// <inheritdoc/>
    public override IEnumerable<(string name, Module module)> named_children() => script.named_children();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing); // looks at the parts
        if (disposing)
            script.Dispose();
    }
}
