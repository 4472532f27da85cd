using Backtrace.Gpu.Interop;

namespace Backtrace.Gpu.Graphs;

// What operators are called with, as values of the graph.
internal sealed partial class GraphRecorder
{
    /// <param name="arguments">Address of the first.</param>
    /// <param name="count">Number of arguments.</param>
    /// <param name="stale">Position of a tensor of which only the shape matters: it is not made up to date.</param>
    private Argument[] Read(nint arguments, int count, int stale = -1)
    {
        Argument[] read = new Argument[count];
        for (int k = 0; k < count; k++)
            read[k] = Read(new IValue(arguments + k * IValue.Size), k == stale);
        return read;
    }

    private Argument Read(IValue value, bool isStale = false)
    {
        if (value.IsTensor)
        {
            if (value.Tensor.Identity == 0 || !value.Tensor.IsDefined)
                return Argument.None;
            Value known = Find(value.Tensor);
            return new Argument(ArgumentKind.Tensor, 0, 0, isStale ? known : UpToDate(known, value.Tensor), null);
        }

        if (value.IsNone)
            return Argument.None;
        if (value.IsInt)
            return new Argument(ArgumentKind.Integer, value.Int, 0, null, null);
        if (value.IsDouble)
            return new Argument(ArgumentKind.Real, 0, value.Double, null, null);
        if (value.IsBool)
            return new Argument(ArgumentKind.Boolean, value.Bool ? 1 : 0, 0, null, null);
        if (!value.IsList)
            return new Argument(ArgumentKind.Other, 0, 0, null, null);
        return new Argument(ArgumentKind.List, 0, 0, null, Read(value.ListStart, value.ListCount));
    }

    // What was written into the memory of the value since it was made is not in it yet.
    private Value Find(RawTensor tensor)
    {
        nint identity = tensor.Identity;
        if (!current.TryGetValue(identity, out Value? known))
        {
            known = names.OfIdentity(identity) is { } parameter ? Borrow(parameter) : Register(tensor);
            known.Writes = 0; // a constant, until what was written into it is looked for
        }

        if (!known.IsDynamic && IsFilled(tensor))
        {
            if (OnlyFiller(tensor) is { } filler && !IsStale(known, tensor))
                filler.Make(known);
            else
                known.IsDynamic = known.IsLost = true;
        }

        return known;
    }

    private bool TouchesDynamic(nint arguments, int count)
    {
        for (int k = 0; k < count; k++)
        {
            IValue value = new(arguments + k * IValue.Size);
            if (value.IsTensor)
            {
                if (IsDynamic(value))
                    return true;
            }
            else if (value.IsList)
            {
                int items = value.ListCount;
                for (int i = 0; i < items; i++)
                {
                    IValue item = new(value.ListStart + i * IValue.Size);
                    if (item.IsTensor && IsDynamic(item))
                        return true;
                }
            }
        }

        return false;
    }

    private bool IsDynamic(IValue tensor)
    {
        current.TryGetValue(tensor.Tensor.Identity, out Value? known);
        return known?.IsDynamic == true || IsFilled(tensor.Tensor) || Gained(known, tensor.Tensor);
    }
}
