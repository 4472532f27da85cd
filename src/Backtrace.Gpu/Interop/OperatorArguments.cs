using System.Runtime.InteropServices;

namespace Backtrace.Gpu.Interop;

/// <summary>
/// A copy of an operator's boxed arguments, in native memory, to be read when the operator has returned. Lists are copied; lists in lists and whatever else is a reference
/// are not to be read.
/// </summary>
internal sealed unsafe class OperatorArguments
{
    // What IValue reads of a list: the addresses of its first entry and of its end, behind 16 bytes.
    private const int ListSize = 32;

    private readonly List<RawTensor> held = [];
    private byte* memory;
    private nuint capacity;

    ~OperatorArguments() => NativeMemory.Free(memory);

    /// <summary>False after <see cref="Clear"/>.</summary>
    public bool IsKept { get; private set; }

    /// <summary>Address of the operator's name.</summary>
    public nint Name { get; private set; }

    /// <summary>Address of the overload's name.</summary>
    public nint Overload { get; private set; }

    /// <summary>Address of the first argument.</summary>
    public nint First => (nint)memory;

    /// <summary>Number of arguments.</summary>
    public int Count { get; private set; }

    public void Clear()
    {
        IsKept = false;
        foreach (RawTensor tensor in held)
            tensor.Free();
        held.Clear();
    }

    /// <summary>Copies, without allocating managed memory unless tensors are held.</summary>
    /// <param name="name">Address of the operator's name.</param>
    /// <param name="overload">Address of the overload's name.</param>
    /// <param name="arguments">Address of the first.</param>
    /// <param name="count">Number of arguments.</param>
    /// <param name="hold">Whether the tensors are held: TorchScript lets go of them while the operator runs, other callers after it.</param>
    public void Keep(nint name, nint overload, nint arguments, int count, bool hold)
    {
        (Name, Overload, Count, IsKept) = (name, overload, count, true);
        nuint size = (nuint)(count * IValue.Size);
        for (int k = 0; k < count; k++)
        {
            IValue value = new(arguments + k * IValue.Size);
            if (value.IsList)
                size += (nuint)(ListSize + value.ListCount * IValue.Size);
        }

        if (size > capacity)
        {
            capacity = Math.Max(size, 4096);
            memory = (byte*)NativeMemory.Realloc(memory, capacity);
        }

        Buffer.MemoryCopy((void*)arguments, memory, (long)capacity, count * IValue.Size);
        byte* free = memory + count * IValue.Size;
        for (int k = 0; k < count; k++)
        {
            IValue value = new(arguments + k * IValue.Size);
            if (hold)
                Hold(value);
            if (!value.IsList)
                continue;
            nint bytes = value.ListCount * IValue.Size, first = (nint)(free + ListSize);
            Buffer.MemoryCopy((void*)value.ListStart, (void*)first, bytes, bytes);
            for (nint item = first; item < first + bytes; item += IValue.Size)
            {
                if (new IValue(item).IsList)
                    IValue.MakeUnreadable(item);
            }

            IValue.MakeList((nint)(memory + k * IValue.Size), (nint)free, first, first + bytes);
            free += ListSize + bytes;
        }
    }

    private void Hold(IValue value)
    {
        if (value.IsTensor && value.Tensor.IsDefined)
            held.Add(value.Tensor.Hold());
        for (int k = 0; value.IsList && k < value.ListCount; k++)
            Hold(new IValue(value.ListStart + k * IValue.Size));
    }
}
