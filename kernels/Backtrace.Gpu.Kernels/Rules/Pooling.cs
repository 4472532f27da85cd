using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>
/// Both pooling rules without atomics: each window computes what it hands out, then each position collects from the windows that contain it.
/// Windows that do not overlap hand it out themselves; on a processor, all do, plane by plane, if there are enough planes (<see cref="PoolingPlanes"/>).
/// </summary>
internal static class Pooling
{
    // Fewer leave threads of a processor without work.
    private const int FewestPlanes = 8;

    public static void Apply(RuleContext context, PoolShape shape, bool isMaximum)
    {
        ArrayView<float> x = context.Input(0).Values;
        ArrayView<float> relevance = context.Relevance().Values;
        ArrayView<float> coefficients = context.Scratch(relevance.Length);
        PoolAxis d = Axis(shape, s => s.D), h = Axis(shape, s => s.H), w = Axis(shape, s => s.W);
        int maximum = isMaximum ? 1 : 0, isDisjoint = d.IsDisjoint && h.IsDisjoint && w.IsDisjoint ? 1 : 0;
        ArrayView<float> target = context.Give(0).Values;
        if (context.Device.IsProcessor && shape.Planes >= FewestPlanes)
        {
            PoolingPlanes planes = new() { D = d, H = h, W = w, Maximum = maximum, X = x, Relevance = relevance, Coefficient = coefficients, Target = target };
            context.Device.RunItems(planes, shape.Planes, 8L * shape.Input.Volume);
            if (!isMaximum)
                context.Drop(relevance, coefficients);
            return;
        }

        ArrayView<float> maxima = isMaximum ? context.Scratch(relevance.Length) : coefficients;
        if (isDisjoint != 0)
            context.Device.Run(new Fill { Target = target, Value = 0 }, target.Length);
        Windows windows = new()
        {
            D = d,
            H = h,
            W = w,
            Maximum = maximum,
            Disjoint = isDisjoint,
            X = x,
            Relevance = relevance,
            Value = maxima,
            Coefficient = coefficients,
            Target = target,
        };
        context.Device.RunItems(windows, relevance.Length, 8);
        if (!isMaximum)
            context.Drop(relevance, coefficients);
        if (isDisjoint != 0)
            return;
        Positions positions = new() { D = d, H = h, W = w, Maximum = maximum, X = x, Value = maxima, Coefficient = coefficients, Target = target };
        context.Device.RunItems(positions, x.Length, 8);
    }

    /// <summary>One axis of a pooling layer.</summary>
    internal static PoolAxis Axis(PoolShape shape, Func<Size3, int> of) =>
        new(of(shape.Input), of(shape.Output), of(shape.Kernel), of(shape.Stride), of(shape.Padding), of(shape.Dilation));

    /// <summary>Per window: R / Σ|x|, or the maximum and R / (number of entries that reach it).</summary>
    internal unsafe struct Windows : IKernel
    {
        public PoolAxis D;
        public PoolAxis H;
        public PoolAxis W;
        public int Maximum;
        public int Disjoint;
        public ArrayView<float> X;
        public ArrayView<float> Relevance;
        public ArrayView<float> Value;
        public ArrayView<float> Coefficient;

        /// <summary>Written if the windows are disjoint.</summary>
        public ArrayView<float> Target;

        public readonly void Run(Share share)
        {
            float* x = X.Pointer();
            float* relevance = Relevance.Pointer();
            float* value = Value.Pointer();
            float* coefficient = Coefficient.Pointer();
            float* target = Target.Pointer();
            for (long i = share.Begin; i < share.End;)
            {
                long line = Division.Quotient(i, W.Output);
                long column = i - line * W.Output;
                long slice = Division.Quotient(line, H.Output);
                long plane = Division.Quotient(slice, D.Output);
                long h = line - slice * H.Output, d = slice - plane * D.Output;
                long hBegin = H.Begin(h), hEnd = H.End(h), dBegin = D.Begin(d), dEnd = D.End(d);
                long source = plane * D.Input;
                long run = share.Step == 1 ? IntrinsicMath.Min(W.Output - column, share.End - i) : 1;
                for (long k = 0; k < run; k++)
                {
                    long wBegin = W.Begin(column + k), wEnd = W.End(column + k);
                    float largest = 0, sum = 0;
                    if (Maximum != 0 && wBegin < wEnd && hBegin < hEnd && dBegin < dEnd)
                        largest = x[((source + dBegin) * H.Input + hBegin) * W.Input + wBegin];

                    // The maximum first, then its ties: neither pass has a branch that depends on data.
                    for (long a = dBegin; Maximum != 0 && a < dEnd; a += D.Step)
                    {
                        for (long b = hBegin; b < hEnd; b += H.Step)
                        {
                            long row = ((source + a) * H.Input + b) * W.Input;
                            for (long c = wBegin; c < wEnd; c += W.Step)
                                largest = IntrinsicMath.Max(largest, x[row + c]);
                        }
                    }

                    for (long a = dBegin; a < dEnd; a += D.Step)
                    {
                        for (long b = hBegin; b < hEnd; b += H.Step)
                        {
                            long row = ((source + a) * H.Input + b) * W.Input;
                            for (long c = wBegin; c < wEnd; c += W.Step)
                                sum += Maximum == 0 ? IntrinsicMath.Abs(x[row + c]) : x[row + c] == largest ? 1f : 0f;
                        }
                    }

                    if (Maximum != 0)
                        value[i + k] = largest;
                    float mine = sum < Rules.Coefficient.Least(relevance[i + k]) ? 0 : relevance[i + k] / sum;
                    coefficient[i + k] = mine;
                    for (long a = dBegin; Disjoint != 0 && a < dEnd; a += D.Step)
                    {
                        for (long b = hBegin; b < hEnd; b += H.Step)
                        {
                            long row = ((source + a) * H.Input + b) * W.Input;
                            for (long c = wBegin; c < wEnd; c += W.Step)
                                target[row + c] = Maximum == 0 ? IntrinsicMath.Abs(x[row + c]) * mine : x[row + c] == largest ? mine : 0f;
                        }
                    }
                }

                i += share.Step == 1 ? run : share.Step;
            }
        }
    }

    /// <summary>Per position: the sum of its windows' coefficients, of all of them times |x| or of those whose maximum it is.</summary>
    internal unsafe struct Positions : IKernel
    {
        public PoolAxis D;
        public PoolAxis H;
        public PoolAxis W;
        public int Maximum;
        public ArrayView<float> X;
        public ArrayView<float> Value;
        public ArrayView<float> Coefficient;
        public ArrayView<float> Target;

        public readonly void Run(Share share)
        {
            float* x = X.Pointer();
            float* value = Value.Pointer();
            float* coefficient = Coefficient.Pointer();
            float* target = Target.Pointer();
            for (long i = share.Begin; i < share.End;)
            {
                long line = Division.Quotient(i, W.Input);
                long column = i - line * W.Input;
                long slice = Division.Quotient(line, H.Input);
                long plane = Division.Quotient(slice, D.Input);
                long h = line - slice * H.Input, d = slice - plane * D.Input;
                long hFirst = H.First(h), hLast = H.Last(h), dFirst = D.First(d), dLast = D.Last(d);
                long windows = plane * D.Output * H.Output * W.Output;
                long run = share.Step == 1 ? IntrinsicMath.Min(W.Input - column, share.End - i) : 1;
                long wFirst = W.First(column), wLast = W.Last(column);
                for (long k = 0; k < run; k++)
                {
                    // Along a run the windows move on without divisions.
                    long w = column + k;
                    while (wFirst < W.Output && W.End(wFirst) <= w)
                        wFirst++;
                    while (wLast + 1 < W.Output && W.Begin(wLast + 1) <= w)
                        wLast++;
                    float mine = x[i + k];
                    float sum = 0;
                    for (long a = dFirst; a <= dLast; a++)
                    {
                        for (long b = hFirst; b <= hLast; b++)
                        {
                            long row = windows + (a * H.Output + b) * W.Output;
                            bool inside = D.Contains(d, a) && H.Contains(h, b);
                            for (long c = wFirst; inside && c <= wLast; c++)
                            {
                                if (W.Contains(w, c) && (Maximum == 0 || value[row + c] == mine))
                                    sum += coefficient[row + c];
                            }
                        }
                    }

                    target[i + k] = Maximum == 0 ? IntrinsicMath.Abs(mine) * sum : sum;
                }

                i += share.Step == 1 ? run : share.Step;
            }
        }
    }
}
