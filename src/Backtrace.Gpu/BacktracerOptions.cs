using Backtrace.Gpu.Graphs;
using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Rules;

namespace Backtrace.Gpu;

/// <summary>How models are explained.</summary>
public sealed record BacktracerOptions
{
    private readonly double? ledgerTolerance;

    /// <summary>The rules; <see cref="RuleSet.Backtrace"/> unless replaced.</summary>
    public RuleSet Rules { get; init => field = value ?? throw new ArgumentNullException(nameof(Rules)); } = RuleSet.Backtrace;

    /// <summary>Modules that become one node each, with a rule of their own.</summary>
    public IReadOnlyList<ModuleLowering> Modules { get; init => field = value ?? throw new ArgumentNullException(nameof(Modules)); } = [];

    /// <summary>
    /// Lowerings of operators that have none, or that replace the one of the library: by libtorch's name, without <c>aten::</c> and without the underscore
    /// of in-place forms. Operators of other libraries keep their namespace: <c>torchvision::roi_align</c>.
    /// </summary>
    /// <exception cref="ArgumentException">A name is written with one of these, and would never be met.</exception>
    public IReadOnlyDictionary<string, Lowering> Operators
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value, nameof(Operators));
            if (value.Keys.FirstOrDefault(name => name.StartsWith("aten::", StringComparison.Ordinal) || OperatorNames.IsInPlace(name)) is { } misnamed)
                throw new ArgumentException($"No operator is met by the name '{misnamed}': leave out aten:: and the underscore of in-place forms.", nameof(Operators));
            field = value;
        }
    } = new Dictionary<string, Lowering>();

    /// <summary>One relevance per unit, or a supporting and an opposing one.</summary>
    public Mode Mode { get; init; } = Mode.Default;

    /// <summary>
    /// Operand precision of the dense products. In contrastive mode the two streams of a unit change sides with the sign of its value, or when the other one
    /// becomes the larger (docs/rules.md, B.0.2): where either is a near thing, bf16 operands may decide it differently. Nothing is lost by that.
    /// </summary>
    public ContractionPrecision Precision { get; init; } = ContractionPrecision.Single;

    /// <summary>What computes the dense products.</summary>
    public ContractionLibrary ContractionLibrary { get; init; } = ContractionLibrary.Auto;

    /// <summary>
    /// On OpenCL and CUDA: whether copies of the model's parameters stay on the device from one call to the next, instead of being made for each. For many calls with the same weights;
    /// <see cref="Backtracer.Refresh"/> lets go of them after they have changed. They take up to half of the device's memory, and are given up where a call needs it. On the CPU
    /// weights are read where they lie.
    /// </summary>
    public bool KeepWeights { get; init; }

    /// <summary>
    /// Modules of which only the results are kept from the forward pass, such as <c>model.layers.*</c>, where <c>*</c> stands for any one name: when relevance reaches one, it is run a second time for
    /// the values inside. Of a network of equal blocks, memory is then needed for one block and the tensors between them, for the price of one more forward pass; the result is the same. They are called by
    /// <c>call</c>, with tensors and plain values, return tensors or tuples or lists of them, and compute the same when they are run again. One inside of another is part of that. <see cref="ModelBlocks.Of"/> finds the blocks of a model.
    /// </summary>
    public IReadOnlyCollection<string> Recompute { get; init => field = value ?? throw new ArgumentNullException(nameof(Recompute)); } = [];

    /// <summary>
    /// Names of layers whose relevance is wanted: what arrives at their output. <see cref="Backtracer.ListLayers(TorchSharp.torch.Tensor)"/> lists the names of a model. See
    /// <see cref="Explanation.Layers"/>.
    /// </summary>
    public IReadOnlyCollection<string> Layers { get; init => field = value ?? throw new ArgumentNullException(nameof(Layers)); } = [];

    /// <summary>Whether the activation that follows a layer silences saturated units (rules.md, B.1).</summary>
    public bool Saturation { get; init; } = true;

    /// <summary>Saturation tests by layer name, instead of the one that follows from the next activation.</summary>
    public IReadOnlyDictionary<string, Saturation> Saturations { get; init => field = value ?? throw new ArgumentNullException(nameof(Saturations)); } = new Dictionary<string, Saturation>();

    /// <summary>
    /// Keep the ledger of each sample apart instead of totals over the batch. Costs time on large batches. Start and input are those of the sample; bias, dropped and constants are, where the
    /// batch is the first axis on all of the way: of a model that puts time first, packs sequences or regroups samples, only their sums over the rows tell something.
    /// </summary>
    public bool LedgerPerSample { get; init; }

    /// <summary>
    /// Largest share of the start relevance that a node may lose unaccounted: 1e-5, and 1e-2 where operands are rounded to bf16. With signed rules
    /// (<see cref="RuleSet.IsSigned"/>), where relevance can be larger than at the start: of the relevance at the node without its signs, if that is more.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative or not a number.</exception>
    public double LedgerTolerance
    {
        get => ledgerTolerance ?? (Precision == ContractionPrecision.BFloat16 ? 1e-2 : 1e-5);
        init => ledgerTolerance = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(LedgerTolerance), value, "A share of the start relevance is needed, 0 or more.");
    }
}
