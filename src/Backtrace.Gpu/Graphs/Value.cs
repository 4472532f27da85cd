using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Execution;
using TorchSharp;

namespace Backtrace.Gpu.Graphs;

/// <summary>A tensor of a recorded forward pass.</summary>
public sealed class Value
{
    private TensorMemory? memory;
    private nint storage;
    private List<RawTensor>? replaced;

    internal Value(int id, long[] shape, RawTensor held)
    {
        Id = id;
        Shape = shape;
        Held = held;
    }

    /// <summary>Position in the order of recording.</summary>
    public int Id { get; }

    /// <summary>Sizes.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>The node that made it; null for inputs and constants.</summary>
    public Node? Producer { get; internal set; }

    /// <summary>True if the value depends on an explained input: relevance flows through it.</summary>
    public bool IsDynamic { get; internal set; }

    /// <summary>Number of recorded uses as an input of a node.</summary>
    public int Uses { get; internal set; }

    /// <summary>Name of a parameter, buffer or input; null for others.</summary>
    public string? Name { get; internal set; }

    internal long[] Sizes => (long[])Shape;

    /// <summary>Our handle on the tensor, valid until the graph is disposed.</summary>
    /// <exception cref="InvalidOperationException">It was given back until the values are computed again.</exception>
    internal RawTensor Held
    {
        get => IsLetGo ? throw new InvalidOperationException($"The values of {Producer?.Name ?? Name ?? "a tensor"} were let go of.") : field;
        private set;
    }

    /// <summary>The tensor as a managed object, which the caller disposes.</summary>
    internal torch.Tensor ToTensor() => torch.Tensor.UnsafeCreateTensor(Held.Hold().Handle);

    /// <summary>True if <see cref="Held"/> belongs to somebody who outlives the graph.</summary>
    internal bool IsBorrowed { get; set; }

    /// <summary>True for a parameter of the model itself, which only training changes; no longer once a copy has taken its place.</summary>
    internal bool IsWeight { get => field && IsBorrowed; init; }

    /// <summary>A copy of the values as fp32.</summary>
    /// <exception cref="InvalidOperationException">An in-place operator has changed them since.</exception>
    public float[] Read()
    {
        if (WhyUnreadable() is { } reason)
            throw new InvalidOperationException($"The values of {Producer?.Name ?? Name ?? "a tensor"} are gone: it {reason}.");
        using torch.Tensor all = ToTensor(), copy = all.to(torch.float32, torch.CPU).contiguous();
        return copy.data<float>().ToArray();
    }

    /// <summary>
    /// Reads a copy from now on, because memory is about to be overwritten. The handle on the tensor itself is kept too: while it is held, libtorch gives its
    /// address, by which tensors are known, to no other.
    /// </summary>
    /// <param name="copy">Owned by the value.</param>
    internal void Replace(RawTensor copy)
    {
        (memory, storage) = (Memory, Storage);
        if (!IsBorrowed)
            (replaced ??= []).Add(Held);
        Held = copy;
        IsBorrowed = false;
    }

    /// <summary>Gives our handles back.</summary>
    internal void Free()
    {
        if (!IsBorrowed && !IsLetGo)
            Held.Free();
        replaced?.ForEach(former => former.Free());
        replaced = null;
    }

    /// <summary>True while the values are gone and can be computed again: see <see cref="Segment"/>.</summary>
    internal bool IsLetGo { get; set; }

    /// <summary>Gives our handles back until <see cref="Fill"/>. Nobody else has the tensor.</summary>
    internal void LetGo()
    {
        (memory, storage) = (Memory, Storage);
        Free();
        (Held, IsLetGo, IsSafe) = (default, true, true);
    }

    /// <summary>Takes the handles of a value that is the same, computed again.</summary>
    internal void Fill(Value again)
    {
        (Held, IsLetGo) = (again.Held, false);
        (replaced, again.replaced) = (again.replaced, null);
        (again.Held, again.IsLetGo) = (default, true);
    }

    /// <summary>True once a rule of a recorded node will read the values.</summary>
    internal bool IsRead { get; set; }

    /// <summary>True for a result of an operator that made memory for it, unless it turns out to be a view (<see cref="ViewOf"/>).</summary>
    internal bool IsMade { get; set; }

    /// <summary>True if no entry can be negative, whatever the model's input.</summary>
    internal bool IsNonNegative { get; set; }

    /// <summary>True if memory was overwritten by an in-place operator before a rule asked for the values. Relevance can still pass.</summary>
    internal bool IsOverwritten { get; set; }

    /// <summary>True if memory was overwritten in a way that is not followed: inside of a module that is one node.</summary>
    internal bool IsLost { get; set; }

    /// <summary>Number of writes into the memory, of those that are followed, that the value holds.</summary>
    internal int Writes { get; set; }

    /// <summary>Why no node may use this value now, or null.</summary>
    internal string? WhyUnusable() => IsLost ? "reads a tensor that an in-place operator changed through a view, inside of a module with a rule of its own" : null;

    /// <summary>Why no rule may read the entries of this value, or null.</summary>
    internal string? WhyUnreadable() =>
        IsLetGo ? $"reads {Producer?.Name ?? "a tensor"} inside of a module that Recompute names, of which only the results are kept: leave that module out" : IsOverwritten ? "reads a tensor that an in-place operator changed through a view" : WhyUnusable();

    /// <summary>True once no later operator can change the values, or all that can be done about it was done.</summary>
    internal bool IsSafe { get; set; }

    /// <summary>The memory that the tensor was made in, also when <see cref="Held"/> is a copy by now.</summary>
    internal TensorMemory Memory => memory ??= new TensorMemory(Held, Sizes);

    /// <summary>Address of the memory that all views of the tensor share.</summary>
    internal nint Storage => storage != 0 ? storage : storage = Held.Storage;

    /// <summary>Bytes of all entries.</summary>
    internal long Bytes => DeviceTensor.Count(Sizes) * (IsLetGo ? Memory.ItemSize : Held.ItemSize);

    /// <summary>The value whose memory this is a view of, or null.</summary>
    internal Value? ViewOf { get; set; }
}
