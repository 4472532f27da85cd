using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>
/// What an operand gets in both streams as |x|·u + x·v: u and v, which may be summed up block by block, and its relevance, to which listed units add theirs.
/// </summary>
internal sealed class SignedSums
{
    private readonly Device device;
    private readonly ArrayView<float> operand;
    private readonly ArrayView<float> absolute;
    private readonly ArrayView<float> signed;

    /// <param name="pair">The node.</param>
    /// <param name="operand">x.</param>
    /// <param name="supporting">Its relevance, to be written.</param>
    /// <param name="opposing">Its relevance, to be written.</param>
    public SignedSums(in StreamPair pair, ArrayView<float> operand, ArrayView<float> supporting, ArrayView<float> opposing)
    {
        device = pair.Device;
        this.operand = operand;
        (Supporting, Opposing) = (supporting, opposing);
        absolute = pair.Supporting.Scratch(2 * operand.Length);
        signed = pair.Supporting.Scratch(2 * operand.Length);
        device.Run(new Fill { Target = supporting, Value = 0 }, supporting.Length);
        device.Run(new Fill { Target = opposing, Value = 0 }, opposing.Length);
    }

    public ArrayView<float> Supporting { get; }

    public ArrayView<float> Opposing { get; }

    /// <summary>u of a stream.</summary>
    public ArrayView<float> Absolute(int stream) => absolute.SubView(stream * operand.Length, operand.Length);

    /// <summary>v of a stream.</summary>
    public ArrayView<float> Signed(int stream) => signed.SubView(stream * operand.Length, operand.Length);

    /// <summary>Sets both to 0.</summary>
    public void Clear()
    {
        device.Run(new Fill { Target = absolute, Value = 0 }, absolute.Length);
        device.Run(new Fill { Target = signed, Value = 0 }, signed.Length);
    }

    /// <summary>Adds them to the relevance, times a factor.</summary>
    public void Finish(float factor)
    {
        for (int stream = 0; stream < 2; stream++)
        {
            JoinSides join = new()
            {
                X = operand,
                Factor = factor,
                Signed = 1,
                Adds = 1,
                U = Absolute(stream),
                V = Signed(stream),
                Target = stream == 0 ? Supporting : Opposing,
            };
            device.Run(join, operand.Length, workPerEntry: 5);
        }
    }
}
