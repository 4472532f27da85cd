using Backtrace.Gpu.Graphs;
using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Kernels.Rules.Recurrent;
using ILGPU;
using static TorchSharp.torch;
using Device = Backtrace.Gpu.Kernels.Execution.Device;

namespace Backtrace.Gpu.Runs;

/// <summary>What a rule sees of the run while it handles one node. One instance serves all visits of a run.</summary>
internal sealed class NodeVisit(Device device, IContraction contraction, Arena arena, Activations activations, LedgerBook book, int seedCount) : RuleContext
{
    private readonly List<Block> scratch = [];
    private readonly List<Block> shared = [];
    private readonly List<Block> lent = [];
    private readonly Dictionary<string, DeviceTensor> parameters = [];
    private readonly Dictionary<string, ArrayView<float>?> pairs = [];
    private Node node = null!;
    private Relevance?[] arriving = [];
    private Relevance?[] given = [];
    private int[] accounts = [];
    private int sharedIndex;
    private int seed;

    public override Device Device => device;

    public override IContraction Contraction => contraction;

    public override Operation Operation => node.Operation;

    public override int Samples => book.Rows;

    public override int SeedCount => seedCount;

    public override int Seed => seed;

    public override int InputCount => node.InputValues.Length;

    public override int OutputCount => node.OutputValues.Length;

    public override Saturation Saturation => node.Saturation;

    /// <summary>Opens a node for one seed.</summary>
    public void Open(Node target, Relevance?[] relevance, int forSeed)
    {
        node = target;
        arriving = relevance;
        seed = forSeed;
        given = new Relevance?[node.InputValues.Length];
        accounts = new int[Scheduler.Entries];
        Array.Fill(accounts, -1);
        sharedIndex = 0;
    }

    /// <summary>
    /// Ends the visit for one seed: what the rule handed to each input, and its ledger slots by entry (-1: none). What the caller does not take out of the
    /// former is released by <see cref="Finish"/>.
    /// </summary>
    public (Relevance?[] Given, int[] Accounts) Close()
    {
        for (int k = 0; k < given.Length; k++)
        {
            // States are [layers, N, units].
            if (given[k] is { Slots.Count: 0 } fresh)
                fresh.Slots.Add(book.Sum(fresh.Block.View.SubView(0, fresh.Length), node.Operation is RecurrentLayers { IsStep: false } && k > 0 ? InputShape(k)[0] : 1));
        }

        ReleaseScratch();
        return (given, accounts);
    }

    /// <summary>Ends the visits of a node: what its seeds shared, copies of its parameters, and what an interrupted rule left, is released.</summary>
    public void Finish()
    {
        foreach (Relevance? left in given)
            left?.Block.Release();
        given = [];
        ReleaseScratch();
        foreach (Block block in shared.Concat(lent))
            block.Release();
        shared.Clear();
        lent.Clear();
        parameters.Clear();
        pairs.Clear();
    }

    public override long[] InputShape(int index) => node.InputValues[index].Sizes;

    public override long[] OutputShape(int index = 0) => node.OutputValues[index].Sizes;

    public override DeviceTensor Input(int index) => activations.Get(node.InputValues[index]);

    public override bool IsNonNegative(int index) => node.InputValues[index].IsNonNegative;

    public override DeviceTensor Output() => activations.Get(node.OutputValues[0]);

    public override bool IsOutputRounded => node.OutputValues[0].Held.Type is ScalarType.BFloat16 or ScalarType.Float16;

    public override DeviceTensor? Parameter(string name)
    {
        if (parameters.TryGetValue(name, out DeviceTensor known))
            return known;
        if (node.Parameter(name) is not { } value)
            return null;
        DeviceTensor tensor = activations.Lend(value, lent);
        parameters.Add(name, tensor);
        return tensor;
    }

    internal override DeviceTensor? ParameterRows(string name, IReadOnlyList<int> rows) =>
        !parameters.ContainsKey(name) && node.Parameter(name) is { } value ? activations.LendRows(value, rows, lent) : null;

    public override Operand Magnitudes(string name, in LinearShape shape)
    {
        if (!contraction.ReadsBFloat16(shape) || node.Parameter(name) is not { } value)
            return base.Magnitudes(name, shape);
        if (!pairs.TryGetValue(name, out ArrayView<float>? known))
            pairs.Add(name, known = activations.LendBFloat16(value, lent));
        return known is { } stored ? Operand.Abs(stored) with { IsBFloat16 = true } : base.Magnitudes(name, shape);
    }

    public override DeviceTensor Relevance(int output = 0) =>
        arriving[output]?.As(OutputShape(output)) ?? throw NothingArrived(output);

    public override IReadOnlyList<long>? Entries => arriving[0]?.Entries;

    public override bool HasRelevance(int output) => arriving[output] != null;

    public override DeviceTensor Give(int index)
    {
        EnsureFirst(index);
        long[] shape = InputShape(index);
        long length = DeviceTensor.Count(shape);
        Relevance fresh = new(arena.Rent(length), length, []);
        given[index] = fresh;
        return fresh.As(shape);
    }

    public override void Pass(int index, int output = 0)
    {
        EnsureFirst(index);
        Relevance source = arriving[output] ?? throw NothingArrived(output);
        if (source.Length != DeviceTensor.Count(InputShape(index)))
            throw new InvalidOperationException($"{node}: relevance of {source.Length} entries cannot pass to an input of {DeviceTensor.Count(InputShape(index))}.");
        given[index] = new Relevance(source.Block.Retain(), source.Length, [.. source.Slots], source.Entries);
    }

    public override ArrayView<float> Scratch(long length)
    {
        Block block = arena.Rent(length);
        scratch.Add(block);
        return block.View.SubView(0, length);
    }

    public override ArrayView<float> Shared(long length, out bool isNew)
    {
        isNew = sharedIndex == shared.Count;
        if (isNew)
            shared.Add(arena.Rent(length));
        return shared[sharedIndex++].View.SubView(0, length);
    }

    public override ArrayView<float> Account(LedgerEntry entry)
    {
        ref int slot = ref accounts[(int)entry];
        if (slot < 0)
            slot = book.Open();
        return book.View(slot);
    }

    private void ReleaseScratch()
    {
        foreach (Block block in scratch)
            block.Release();
        scratch.Clear();
    }

    private void EnsureFirst(int index)
    {
        if (given[index] != null)
            throw new InvalidOperationException($"{node}: the rule gave relevance to input {index} twice.");
    }

    private InvalidOperationException NothingArrived(int output) => new($"{node}: no relevance arrived at output {output}.");
}
