using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>What the positive and the negative entries of an input are multiplied with, summed up block by block, for both streams.</summary>
internal sealed class SideSums(StreamPair pair, int input)
{
    private readonly long length = DeviceTensor.Count(pair.Supporting.InputShape(input));
    private readonly ArrayView<float> positive = pair.Supporting.Scratch(2 * DeviceTensor.Count(pair.Supporting.InputShape(input)));
    private readonly ArrayView<float> negative = pair.Supporting.Scratch(2 * DeviceTensor.Count(pair.Supporting.InputShape(input)));

    public ArrayView<float> Positive(int stream) => positive.SubView(stream * length, length);

    public ArrayView<float> Negative(int stream) => negative.SubView(stream * length, length);

    public void Clear()
    {
        pair.Device.Run(new Fill { Target = positive, Value = 0 }, positive.Length);
        pair.Device.Run(new Fill { Target = negative, Value = 0 }, negative.Length);
    }

    /// <summary>Gives the input its relevance, times a factor.</summary>
    public void Give(float factor) => pair.Join(input, positive, negative, factor);
}
