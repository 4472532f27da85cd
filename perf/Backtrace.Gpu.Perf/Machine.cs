using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Perf.Quick;
using TorchSharp;

namespace Backtrace.Gpu.Perf;

/// <summary>What the figures were measured on.</summary>
internal static class Machine
{
    /// <summary>One line for the summary.</summary>
    public static string Line { get; } =
        $"{Processor.Name}, {Environment.ProcessorCount} cores, {torch.get_num_threads()} threads, {Vectors()}, {BFloat16()}{(OneDnn.IsSwitchedOff ? ", without oneDNN, which computes wrong convolutions here" : "")}{(Clock.OfProcessor ? ", processor time" : "")}";

    public static void Print(TextWriter writer)
    {
        writer.WriteLine(Line);
        writer.WriteLine($"{RuntimeInformation.FrameworkDescription}, TorchSharp {typeof(torch).Assembly.GetName().Version}, libtorch {torch.__version__}");
        writer.WriteLine();
    }

    private static string Vectors() => Avx512F.IsSupported ? "AVX-512 (16 floats)" : Avx2.IsSupported ? "AVX2 (8 floats)" : "no AVX2";

    private static string BFloat16() => (ProcessorBf16.HasTiles, ProcessorBf16.HasVectors) switch
    {
        (true, _) => "fast bf16 (AMX)",
        (_, true) => "fast bf16 (AVX512_BF16)",
        _ => "no fast bf16",
    };
}
