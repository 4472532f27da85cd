using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>The contributions z = x·w of one unit, as many at a time as a lane holds.</summary>
internal static unsafe class Contributions
{
    /// <summary>Sums those of each sign.</summary>
    public static void Sum<TLane>(float* x, float* w, long length, out float p, out float n)
        where TLane : struct, ILane<TLane>
    {
        TLane zero = TLane.All(0), positive = zero, negative = zero;
        long i = 0;
        for (; i + TLane.Width <= length; i += TLane.Width)
        {
            TLane z = TLane.Load(x + i) * TLane.Load(w + i);
            positive += TLane.Max(z, zero);
            negative += TLane.Max(zero - z, zero);
        }

        p = TLane.Sum(positive);
        n = TLane.Sum(negative);
        for (; i < length; i++)
        {
            float z = x[i] * w[i];
            p += IntrinsicMath.Max(z, 0f);
            n += IntrinsicMath.Max(-z, 0f);
        }
    }

    /// <summary>Adds to both streams what the unit hands to each input.</summary>
    public static void Add<TLane>(float* x, float* w, long length, in Shares<Scalar> shares, float* supporting, float* opposing)
        where TLane : struct, ILane<TLane>
    {
        TLane zero = TLane.All(0);
        TLane supportingP = TLane.All(shares.SupportingP.Value), supportingN = TLane.All(shares.SupportingN.Value);
        TLane opposingP = TLane.All(shares.OpposingP.Value), opposingN = TLane.All(shares.OpposingN.Value);
        long i = 0;
        for (; i + TLane.Width <= length; i += TLane.Width)
        {
            TLane z = TLane.Load(x + i) * TLane.Load(w + i);
            TLane p = TLane.Max(z, zero), n = TLane.Max(zero - z, zero);
            TLane.Store(supporting + i, TLane.Load(supporting + i) + p * supportingP + n * supportingN);
            TLane.Store(opposing + i, TLane.Load(opposing + i) + p * opposingP + n * opposingN);
        }

        for (; i < length; i++)
            AddOne(x + i, w + i, shares, supporting + i, opposing + i);
    }

    /// <summary>The same for one input.</summary>
    public static void AddOne(float* x, float* w, in Shares<Scalar> shares, float* supporting, float* opposing)
    {
        float z = x[0] * w[0];
        Scalar p = Scalar.All(IntrinsicMath.Max(z, 0f)), n = Scalar.All(IntrinsicMath.Max(-z, 0f));
        Scalar.Store(supporting, Scalar.Load(supporting) + p * shares.SupportingP + n * shares.SupportingN);
        Scalar.Store(opposing, Scalar.Load(opposing) + p * shares.OpposingP + n * shares.OpposingN);
    }
}
