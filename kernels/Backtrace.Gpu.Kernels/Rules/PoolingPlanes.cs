using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>
/// Both pooling rules plane by plane: each window adds what it hands out to its positions, in the order in which <see cref="Pooling.Positions"/> would add
/// it up.
/// </summary>
internal unsafe struct PoolingPlanes : IKernel
{
    public PoolAxis D;
    public PoolAxis H;
    public PoolAxis W;
    public int Maximum;
    public ArrayView<float> X;
    public ArrayView<float> Relevance;
    public ArrayView<float> Coefficient;
    public ArrayView<float> Target;

    public readonly void Run(Share share)
    {
        long input = D.Input * H.Input * W.Input, output = D.Output * H.Output * W.Output;
        for (long plane = share.Begin; plane < share.End; plane += share.Step)
        {
            float* x = X.Pointer() + plane * input;
            float* target = Target.Pointer() + plane * input;
            for (long i = 0; i < input; i++)
                target[i] = 0;
            Plane(x, Relevance.Pointer() + plane * output, Coefficient.Pointer() + plane * output, target);
            for (long i = 0; Maximum == 0 && i < input; i++)
                target[i] *= IntrinsicMath.Abs(x[i]);
        }
    }

    private readonly void Plane(float* x, float* relevance, float* coefficient, float* target)
    {
        long window = 0;
        for (long d = 0; d < D.Output; d++)
        {
            for (long h = 0; h < H.Output; h++)
            {
                Bounds bounds = new() { DBegin = D.Begin(d), DEnd = D.End(d), HBegin = H.Begin(h), HEnd = H.End(h) };
                for (long w = 0; w < W.Output; w++, window++)
                {
                    (bounds.WBegin, bounds.WEnd) = (W.Begin(w), W.End(w));
                    Peak peak = Maximum != 0 ? Highest(x, bounds) : new Peak { Ties = Sum(x, bounds) };
                    float mine = peak.Ties < Rules.Coefficient.Least(relevance[window]) ? 0 : relevance[window] / peak.Ties;
                    coefficient[window] = mine;
                    if (Maximum != 0 && peak.Ties == 1f && peak.Value > float.NegativeInfinity)
                        target[peak.Place] += mine;
                    else
                        Add(x, bounds, peak.Value, mine, target);
                }
            }
        }
    }

    private readonly Peak Highest(float* x, Bounds bounds)
    {
        Peak peak = new() { Value = float.NegativeInfinity };
        for (long a = bounds.DBegin; a < bounds.DEnd; a += D.Step)
        {
            for (long b = bounds.HBegin; b < bounds.HEnd; b += H.Step)
            {
                long row = (a * H.Input + b) * W.Input;
                for (long c = row + bounds.WBegin; c < row + bounds.WEnd; c += W.Step)
                {
                    float value = x[c];
                    if (value > peak.Value)
                        peak = new Peak { Value = value, Place = c, Ties = 1 };
                    else if (value == peak.Value)
                        peak.Ties++;
                }
            }
        }

        return peak;
    }

    private readonly float Sum(float* x, Bounds bounds)
    {
        float sum = 0;
        for (long a = bounds.DBegin; a < bounds.DEnd; a += D.Step)
        {
            for (long b = bounds.HBegin; b < bounds.HEnd; b += H.Step)
            {
                float* row = x + (a * H.Input + b) * W.Input;
                for (long c = bounds.WBegin; c < bounds.WEnd; c += W.Step)
                    sum += IntrinsicMath.Abs(row[c]);
            }
        }

        return sum;
    }

    private readonly void Add(float* x, Bounds bounds, float highest, float mine, float* target)
    {
        for (long a = bounds.DBegin; a < bounds.DEnd; a += D.Step)
        {
            for (long b = bounds.HBegin; b < bounds.HEnd; b += H.Step)
            {
                long row = (a * H.Input + b) * W.Input;
                for (long c = row + bounds.WBegin; c < row + bounds.WEnd; c += W.Step)
                {
                    if (Maximum == 0 || x[c] == highest)
                        target[c] += mine;
                }
            }
        }
    }

    // The highest entry of a window, the first of them and how many there are; of an average only the sum in its place.
    private struct Peak
    {
        public float Value;
        public long Place;
        public float Ties;
    }

    // The positions of a window inside the input.
    private struct Bounds
    {
        public long DBegin;
        public long DEnd;
        public long HBegin;
        public long HEnd;
        public long WBegin;
        public long WEnd;
    }
}
