namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>What one node of a network computes: its attributes, without tensors. One sealed record per rule file.</summary>
public abstract record Operation
{
    /// <summary>Name of the operator for people, such as <c>Conv2d</c>.</summary>
    public abstract string Name { get; }

    /// <summary>True if the rule reads the values of input <paramref name="index"/>.</summary>
    public virtual bool ReadsInput(int index) => false;

    /// <summary>True if the rule reads the values of the output in a mode.</summary>
    public virtual bool ReadsOutput(Mode mode) => false;

    /// <summary>
    /// Stops where the tensors of a node have other sizes than the rule counts on, which would read or write memory outside of them.
    /// <see cref="HostNode"/> asks; a recorded run has the sizes of libtorch.
    /// </summary>
    /// <exception cref="ArgumentException">The message names the tensor, its sizes and those that it should have.</exception>
    public virtual void Check(NodeShapes shapes)
    {
    }
}
