using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>One visit of a rule to a node, for one seed: what it may read, where it must write.</summary>
public abstract class RuleContext
{
    /// <summary>Where the kernels run.</summary>
    public abstract Device Device { get; }

    /// <summary>The dense products.</summary>
    public abstract IContraction Contraction { get; }

    /// <summary>The node's attributes.</summary>
    public abstract Operation Operation { get; }

    /// <summary>Number of rows that the ledger keeps apart: the samples of the batch, or 1 for totals. Rows lie one after the other in every tensor.</summary>
    public abstract int Samples { get; }

    /// <summary>Number of seeds that share this node's activations.</summary>
    public abstract int SeedCount { get; }

    /// <summary>Which of the seeds this visit is for.</summary>
    public abstract int Seed { get; }

    /// <summary>Number of inputs.</summary>
    public abstract int InputCount { get; }

    /// <summary>Number of outputs.</summary>
    public abstract int OutputCount { get; }

    /// <summary>The saturation test of the activation that follows this linear or convolution node (rules.md, B.1).</summary>
    public abstract Saturation Saturation { get; }

    /// <summary>Shape of an input.</summary>
    public abstract long[] InputShape(int index);

    /// <summary>Shape of an output.</summary>
    public abstract long[] OutputShape(int index = 0);

    /// <summary>Values of an input; the rule must have said <see cref="Rule.ReadsInput"/>.</summary>
    public abstract DeviceTensor Input(int index);

    /// <summary>True if the values of an input cannot be negative, whatever the model's input: it comes from a ReLU, a softmax and the like.</summary>
    public abstract bool IsNonNegative(int index);

    /// <summary>Values of the output; the rule must have said <see cref="Rule.ReadsOutput"/>, or the node has a saturation test.</summary>
    public abstract DeviceTensor Output();

    /// <summary>True if the forward pass rounded the output to 16 bits. Rules that subtract or divide by it compute it again.</summary>
    public virtual bool IsOutputRounded => false;

    /// <summary>A parameter such as <c>weight</c>, or null if the layer has none of that name.</summary>
    public abstract DeviceTensor? Parameter(string name);

    /// <summary>Some rows of a parameter, where taking them is cheaper than a copy of all that <see cref="Parameter"/> would make; else null.</summary>
    internal virtual DeviceTensor? ParameterRows(string name, IReadOnlyList<int> rows) => null;

    /// <summary>
    /// The magnitudes of a dense layer's weights for its products: the model's own memory where the contraction reads that, else the values of
    /// <see cref="Parameter"/>.
    /// </summary>
    public virtual Operand Magnitudes(string name, in LinearShape shape) => Operand.Abs(Parameter(name)!.Value.Values);

    /// <summary>Relevance that arrived at an output, summed over its consumers.</summary>
    public abstract DeviceTensor Relevance(int output = 0);

    /// <summary>Positions, ascending, of the first output outside of which no relevance arrived; null if that is not known.</summary>
    public virtual IReadOnlyList<long>? Entries => null;

    /// <summary>False if no relevance arrived at this output: it counts as zero.</summary>
    public abstract bool HasRelevance(int output);

    /// <summary>Memory for the relevance of an input, contents undefined: the rule must fill all of it. Once per input.</summary>
    public abstract DeviceTensor Give(int index);

    /// <summary>Hands the relevance of the output to an input unchanged, without copying. Element counts must be equal.</summary>
    public abstract void Pass(int index, int output = 0);

    /// <summary>Scratch memory until the end of this visit.</summary>
    public abstract ArrayView<float> Scratch(long length);

    /// <summary>Memory that later visits of the same node (further seeds) find again; undefined when <paramref name="isNew"/>.</summary>
    public abstract ArrayView<float> Shared(long length, out bool isNew);

    /// <summary>Where sums per sample for the ledger are added up: [Samples] floats.</summary>
    public abstract ArrayView<float> Account(LedgerEntry entry);
}
