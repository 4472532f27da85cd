using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>Where gradients are taken, whatever the caller's mode is.</summary>
internal static class GradientMode
{
    /// <summary>Gradients are recorded until the result is disposed.</summary>
    /// <exception cref="ExplainerException">Inference mode, in which nothing is recorded: libtorch would end the process when it is asked for a gradient.</exception>
    public static IDisposable On() => is_inference_mode_enabled()
        ? throw new ExplainerException("There are no gradients in torch.inference_mode(): explain outside of it; torch.no_grad() does no harm.")
        : enable_grad();
}
