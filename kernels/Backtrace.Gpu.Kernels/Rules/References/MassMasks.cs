using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.References;

/// <summary>
/// Saturation as the first implementation tests convolutions (rules.md, C.1, C.2): on p + n instead of the unit's value, and with the share of a
/// silenced side lost instead of handed to the other one.
/// </summary>
internal unsafe struct MassMasks : IKernel
{
    public Saturation Kind;
    public ArrayView<float> Relevance;
    public ArrayView<float> Mass;
    public ArrayView<float> Value;
    public ArrayView<float> Bias;
    public int HasBias;
    public long Inner;
    public long Channels;
    public ArrayView<float> Coefficient;
    public ArrayView<float> Alpha;
    public ArrayView<float> Beta;

    /// <summary>Relevance of the silenced sides.</summary>
    public ArrayView<float> Lost;

    public readonly void Run(Share share)
    {
        float* relevance = Relevance.Pointer();
        float* mass = Mass.Pointer();
        float* value = Value.Pointer();
        float* bias = Bias.Pointer();
        float* coefficient = Coefficient.Pointer();
        float* alpha = Alpha.Pointer();
        float* beta = Beta.Pointer();
        float* lost = Lost.Pointer();
        for (long i = share.Begin; i < share.End; i += share.Step)
        {
            float b = HasBias != 0 ? bias[i / Inner % Channels] : 0f;
            float s = mass[i], signed = value[i] - b;
            float p = IntrinsicMath.Max(0.5f * (s + signed), 0f), n = IntrinsicMath.Max(0.5f * (s - signed), 0f);

            // The lower limits are negative, and s never is: no limit silences the positive side.
            float keepP = p > 0f ? 1f : 0f, keepN = n > 0f ? 1f : 0f;
            if (Kind == Saturation.Swish)
            {
                float whole = Wave(s);
                keepN *= IntrinsicMath.Abs(whole - Wave(p + IntrinsicMath.Max(b, 0f))) > 1e-5f ? 1f : 0f;
                keepP *= IntrinsicMath.Abs(whole - Wave(-(n + IntrinsicMath.Max(-b, 0f)))) > 1e-5f ? 1f : 0f;
            }
            else
            {
                keepN = s < (Kind == Saturation.Sigmoid ? 4f : 2f) ? 1f : 0f;
            }

            float d = s + IntrinsicMath.Abs(b);
            float c = d < Rules.Coefficient.Least(relevance[i]) ? 0f : relevance[i] / d;
            coefficient[i] = c;
            alpha[i] = 0.5f * (keepP + keepN) * c;
            beta[i] = 0.5f * (keepP - keepN) * c;
            lost[i] = c * (s - keepP * p - keepN * n);
        }
    }

    private static float Wave(float x) => x / (1f + DeviceMath.Exp(-0.75f * x));
}
