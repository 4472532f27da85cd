using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>The contrastive rule of sums (rules.md, B.6): each entry of the result is a unit whose contributions are the operands' entries.</summary>
internal static class ContrastiveAdd
{
    /// <summary>Two operands of the result's size: one pass over memory, and one for the ledger.</summary>
    public static void Pair(in StreamPair pair, Add operation)
    {
        (RuleContext supporting, RuleContext opposing) = (pair.Supporting, pair.Opposing);
        PairShares shares = new()
        {
            A = supporting.Input(0).Values,
            B = supporting.Input(1).Values,
            ScaleA = operation.Addends[0].Scale,
            ScaleB = operation.Addends[1].Scale,
            Supporting = supporting.Relevance().Values,
            Opposing = opposing.Relevance().Values,
            SupportingToA = supporting.Give(0).Values,
            SupportingToB = supporting.Give(1).Values,
            OpposingToA = opposing.Give(0).Values,
            OpposingToB = opposing.Give(1).Values,
        };
        pair.Device.Run(shares, pair.Units, workPerEntry: 8);
        supporting.Keep(LedgerEntry.Dropped, new UnservedTerm { Relevance = shares.Supporting, ToP = shares.SupportingToA, ToN = shares.SupportingToB }, pair.Units);
        opposing.Keep(LedgerEntry.Dropped, new UnservedTerm { Relevance = shares.Opposing, ToP = shares.OpposingToA, ToN = shares.OpposingToB }, pair.Units);
    }

    /// <summary>Any number of operands, broadcast, some of them constant.</summary>
    public static void General(in StreamPair pair, Add operation)
    {
        RuleContext context = pair.Supporting;
        long[] shape = context.OutputShape();
        ArrayView<float> p = Mass(context, operation, shape, 1), n = Mass(context, operation, shape, -1);
        (ArrayView<float> toP, ArrayView<float> toN) = pair.Share(p, n);
        for (int k = 0; k < operation.Addends.Count; k++)
        {
            Addend addend = operation.Addends[k];
            ArrayView<float> values = context.Input(k).Values;
            if (addend.IsConstant)
            {
                ArrayView<float> spread = context.Scratch(pair.Units);
                StridedMap.Broadcast(shape, context.InputShape(k)).Run(pair.Device, values, spread, new StridedSum { Factor = addend.Scale });
                Keep(pair, spread, toP, toN);
                continue;
            }

            StridedMap sum = StridedMap.SumTo(context.InputShape(k), shape);
            ArrayView<float> u = context.Scratch(2 * values.Length), v = context.Scratch(2 * values.Length);
            for (int stream = 0; stream < 2; stream++)
            {
                sum.Run(pair.Device, toP.SubView(stream * pair.Units, pair.Units), u.SubView(stream * values.Length, values.Length), StridedSum.Plain);
                sum.Run(pair.Device, toN.SubView(stream * pair.Units, pair.Units), v.SubView(stream * values.Length, values.Length), StridedSum.Plain);
            }

            pair.Join(k, u, v, addend.Scale);
        }

        if (operation.Constant != 0)
        {
            ArrayView<float> spread = context.Scratch(pair.Units);
            pair.Device.Run(new Fill { Target = spread, Value = operation.Constant }, pair.Units);
            Keep(pair, spread, toP, toN);
        }
    }

    private static ArrayView<float> Mass(RuleContext context, Add operation, long[] shape, float sign)
    {
        ArrayView<float> mass = context.Scratch(DeviceTensor.Count(shape));
        context.Device.Run(new Fill { Target = mass, Value = Math.Max(sign * operation.Constant, 0) }, mass.Length);
        for (int k = 0; k < operation.Addends.Count; k++)
        {
            ArrayView<float> values = context.Input(k).Values;
            ArrayView<float> side = context.Scratch(values.Length);
            context.Device.Run(new CopySide { Source = values, Target = side, Sign = sign * operation.Addends[k].Scale }, values.Length, workPerEntry: 2);
            StridedMap.Broadcast(shape, context.InputShape(k)).Run(context.Device, side, mass, new StridedSum { Factor = 1, Accumulate = 1 });
        }

        return mass;
    }

    /// <summary>Reports the share of a constant, spread over the units.</summary>
    private static void Keep(in StreamPair pair, ArrayView<float> constant, ArrayView<float> toP, ArrayView<float> toN)
    {
        ArrayView<float> part = pair.Supporting.Scratch(pair.Units);
        long offset = 0;
        foreach (RuleContext stream in (ReadOnlySpan<RuleContext>)[pair.Supporting, pair.Opposing])
        {
            JoinSides join = new() { X = constant, Factor = 1, U = toP.SubView(offset, pair.Units), V = toN.SubView(offset, pair.Units), Target = part };
            pair.Device.Run(join, pair.Units, workPerEntry: 4);
            stream.Keep(LedgerEntry.Constant, new ValueTerm { Values = part }, pair.Units);
            offset += pair.Units;
        }
    }

    /// <summary>Both shares of both streams.</summary>
    internal unsafe struct PairShares : IElementwise
    {
        public ArrayView<float> A;
        public ArrayView<float> B;
        public float ScaleA;
        public float ScaleB;
        public ArrayView<float> Supporting;
        public ArrayView<float> Opposing;
        public ArrayView<float> SupportingToA;
        public ArrayView<float> SupportingToB;
        public ArrayView<float> OpposingToA;
        public ArrayView<float> OpposingToB;

        public readonly void Run<TLane>(Share share)
            where TLane : struct, ILane<TLane>
        {
            float* first = A.Pointer();
            float* second = B.Pointer();
            float* supporting = Supporting.Pointer();
            float* opposing = Opposing.Pointer();
            float* supportingToA = SupportingToA.Pointer();
            float* supportingToB = SupportingToB.Pointer();
            float* opposingToA = OpposingToA.Pointer();
            float* opposingToB = OpposingToB.Pointer();
            TLane zero = TLane.All(0), scaleA = TLane.All(ScaleA), scaleB = TLane.All(ScaleB);
            for (long i = share.Begin; i < share.End; i += share.Step)
            {
                TLane a = scaleA * TLane.Load(first + i), b = scaleB * TLane.Load(second + i);
                TLane positiveA = TLane.Max(a, zero), positiveB = TLane.Max(b, zero), negativeA = positiveA - a, negativeB = positiveB - b;
                Shares<TLane> shares = Shares<TLane>.Of(
                    positiveA + positiveB, negativeA + negativeB, a + b, TLane.Load(supporting + i), TLane.Load(opposing + i));
                TLane.Store(supportingToA + i, positiveA * shares.SupportingP + negativeA * shares.SupportingN);
                TLane.Store(supportingToB + i, positiveB * shares.SupportingP + negativeB * shares.SupportingN);
                TLane.Store(opposingToA + i, positiveA * shares.OpposingP + negativeA * shares.OpposingN);
                TLane.Store(opposingToB + i, positiveB * shares.OpposingP + negativeB * shares.OpposingN);
            }
        }
    }
}
