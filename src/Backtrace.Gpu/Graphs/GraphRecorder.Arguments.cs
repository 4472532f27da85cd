using Backtrace.Gpu.Interop;

namespace Backtrace.Gpu.Graphs;

// What operators are called with, as values of the graph.
internal sealed partial class GraphRecorder
{
    private Argument[] Read(nint arguments, int count)
    {
        Argument[] read = new Argument[count];
        for (int k = 0; k < count; k++)
            read[k] = Read(new IValue(arguments + k * IValue.Size));
        return read;
    }

    private Argument Read(IValue value)
    {
        if (value.IsTensor)
        {
            if (value.Tensor.Identity == 0 || !value.Tensor.IsDefined)
                return Argument.None;
            nint identity = value.Tensor.Identity;
            Value known = current.TryGetValue(identity, out Value? found) ? found
                : names.OfIdentity(identity) is { } parameter ? Borrow(parameter)
                : Register(value.Tensor);
            if (!known.IsDynamic && IsFilled(value.Tensor))
            {
                if (OnlyFiller(value.Tensor) is { } filler)
                    filler.Make(known);
                else
                    known.IsDynamic = known.IsOverwritten = true;
            }

            return new Argument(ArgumentKind.Tensor, 0, 0, known, null);
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

    private bool IsDynamic(IValue tensor) =>
        (current.TryGetValue(tensor.Tensor.Identity, out Value? known) && known.IsDynamic) || IsFilled(tensor.Tensor);
}
