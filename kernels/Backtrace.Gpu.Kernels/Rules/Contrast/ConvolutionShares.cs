using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>The masses of each unit of a convolution and then, while they are in cache, its shares.</summary>
internal struct ConvolutionShares(ConvolutionMasses masses, StackedShares shares) : IElementwise
{
    public ConvolutionMasses Masses = masses;
    public StackedShares Shares = shares;

    public readonly void Run<TLane>(Share share)
        where TLane : struct, ILane<TLane>
    {
        Masses.Run<TLane>(share);
        Shares.Run<TLane>(share);
    }
}
