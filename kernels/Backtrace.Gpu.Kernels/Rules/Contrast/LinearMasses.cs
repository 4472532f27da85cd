using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>
/// The masses p = (S + (y − b)) / 2 and n = (S − (y − b)) / 2 of each unit of a dense layer, from S in the memory of <see cref="P"/>. Where one
/// of them is a small difference, both are summed anew.
/// </summary>
internal unsafe struct LinearMasses : IKernel
{
    public ArrayView<float> X;
    public ArrayView<float> W;
    public ArrayView<float> Value;
    public ArrayView<float> Bias;
    public int HasBias;
    public ArrayView<float> P;
    public ArrayView<float> N;
    public long Inputs;
    public long Outputs;

    public readonly void Run(Share share)
    {
        float* x = X.Pointer();
        float* w = W.Pointer();
        float* value = Value.Pointer();
        float* bias = Bias.Pointer();
        float* positive = P.Pointer();
        float* negative = N.Pointer();
        long row = share.Begin / Outputs, column = share.Begin - row * Outputs;
        for (long i = share.Begin; i < share.End; i += share.Step)
        {
            float whole = positive[i];
            float difference = value[i] - (HasBias != 0 ? bias[column] : 0f);
            float p = 0.5f * (whole + difference), n = 0.5f * (whole - difference);
            if (IntrinsicMath.Min(p, n) < ContrastiveLinear.Balanced * whole)
            {
                p = 0;
                n = 0;
                for (long k = 0; k < Inputs; k++)
                {
                    float z = x[row * Inputs + k] * w[column * Inputs + k];
                    p += IntrinsicMath.Max(z, 0f);
                    n += IntrinsicMath.Max(-z, 0f);
                }
            }

            positive[i] = p;
            negative[i] = n;
            column += share.Step;
            while (column >= Outputs)
            {
                column -= Outputs;
                row++;
            }
        }
    }
}
