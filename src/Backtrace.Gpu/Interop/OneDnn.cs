using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Interop;

/// <summary>
/// Guards against a fault of oneDNN 3.7, libtorch's library for convolutions and recurrent layers: on some processors (seen on an AMD Zen 5 whose caches a
/// hypervisor hides) its reordering of weights loses channels beyond a multiple of the vector's length, without an error. Models would compute wrong
/// answers, and explanations would explain those. Probably https://github.com/uxlfoundation/oneDNN/issues/3280.
/// </summary>
internal static unsafe class OneDnn
{
    private static readonly Lazy<bool> SwitchedOff = new(SwitchOffIfWrong);

    private static readonly NativeExport
        GlobalContext = new("torch_cpu", "_ZN2at13globalContextEv", "?globalContext@at@@YAAEAVContext@1@XZ"),
        UserEnabled = new("torch_cpu", "_ZNK2at7Context17userEnabledMkldnnEv", "?userEnabledMkldnn@Context@at@@QEBA_NXZ"),
        SetUserEnabled = new("torch_cpu", "_ZN2at7Context20setUserEnabledMkldnnEb", "?setUserEnabledMkldnn@Context@at@@QEAAX_N@Z"),
        SetNnpackEnabled = new("torch_cpu", "_ZN2at7Context20setUserEnabledNNPACKEb", "?setUserEnabledNNPACK@Context@at@@QEAAX_N@Z");

    /// <summary>True if it computes wrong convolutions here, so that it had to be switched off.</summary>
    public static bool IsSwitchedOff => SwitchedOff.Value;

    /// <summary>True if libtorch may use it.</summary>
    public static bool IsEnabled => !IsSwitchedOff && ((delegate* unmanaged<nint, byte>)UserEnabled.Address)(Context()) != 0;

    /// <summary>Looks once whether it computes right, and switches it off for the whole process if not: slower, but right. Before a model runs.</summary>
    /// <exception cref="NotSupportedException">libtorch cannot be loaded, or convolutions are wrong without oneDNN too.</exception>
    public static void EnsureRight() => _ = SwitchedOff.Value;

    /// <summary>Whether convolutions of whole numbers come out right whose channels fill vectors in part.</summary>
    internal static bool ComputesRight()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable inference = inference_mode();
        foreach (int channels in (int[])[3, 12, 33])
        {
            foreach (int outputs in (int[])[1, 4, 33])
            {
                Tensor input = ones([2, channels, 8, 8], float32, CPU);
                // No operator with numbers here: TorchSharp may free those while libtorch reads them, and what is found is kept for good.
                Tensor weights = tensor(Enumerable.Range(1, channels).Select(k => (float)k).ToArray(), device: CPU).view(1, channels, 1, 1).expand(outputs, channels, 3, 3).contiguous();
                Tensor sums = nn.functional.conv2d(input, weights);
                // Rounding is allowed, for fast transforms; the last channel is a twentieth and more.
                float expected = 9 * channels * (channels + 1) / 2;
                foreach (float sum in sums.flatten().data<float>())
                {
                    if (!(Math.Abs(sum / expected - 1) < 1e-3f))
                        return false;
                }
            }
        }

        return true;
    }

    private static bool SwitchOffIfWrong()
    {
        TorchLibrary.EnsureLoaded();
        if (ComputesRight())
            return false;
        Disable(SetUserEnabled);
        Disable(SetNnpackEnabled); // the next one to be asked, which prints a warning for every convolution where caches are hidden
        return ComputesRight() ? true : throw new NotSupportedException("libtorch computes wrong convolutions on this processor, with and without oneDNN: no model can be trusted here. Use another machine.");
    }

    private static nint Context() => ((delegate* unmanaged<nint>)GlobalContext.Address)();

    private static void Disable(NativeExport setter) => ((delegate* unmanaged<nint, byte, void>)setter.Address)(Context(), 0);
}
