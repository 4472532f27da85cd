using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.References;

/// <summary>
/// The splits of the first implementation's attention over all of a sample (rules.md, C.8): relevance per unit of |v|, and per unit of positive and of
/// negative score, which the limits of softmax on the sum of all scores may silence.
/// </summary>
internal unsafe struct GlobalShares : IKernel
{
    /// <summary>Per pair of a sample and a head of the keys: what arrived, Σ|v|, Σs and Σ|s|.</summary>
    public ArrayView<float> Arrived;
    public ArrayView<float> ValueMass;
    public ArrayView<float> Score;
    public ArrayView<float> ScoreMass;
    public int Heads;

    /// <summary>Per sample.</summary>
    public ArrayView<float> ToValues;
    public ArrayView<float> ToPositive;
    public ArrayView<float> ToNegative;

    public readonly void Run(Share share)
    {
        float* arrived = Arrived.Pointer();
        float* valueMass = ValueMass.Pointer();
        float* score = Score.Pointer();
        float* scoreMass = ScoreMass.Pointer();
        float* toValues = ToValues.Pointer();
        float* toPositive = ToPositive.Pointer();
        float* toNegative = ToNegative.Pointer();
        for (long sample = share.Begin; sample < share.End; sample += share.Step)
        {
            float r = 0f, v = 0f, t = 0f, s = 0f;
            for (long pair = sample * Heads; pair < (sample + 1) * Heads; pair++)
            {
                r += arrived[pair];
                v += valueMass[pair];
                t += score[pair];
                s += scoreMass[pair];
            }

            float keepP = t < -1f ? 0f : 1f, keepN = t > 2f ? 0f : 1f;
            float d = keepP * 0.5f * (s + t) + keepN * 0.5f * (s - t);
            float c = d < Coefficient.Least(r) ? 0f : r / d;
            toPositive[sample] = keepP * c;
            toNegative[sample] = keepN * c;
            toValues[sample] = v < Coefficient.Least(r) ? 0f : r / v;
        }
    }
}
