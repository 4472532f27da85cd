using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Fuzz;

/// <summary>A random model with its inputs and random start relevance of one sign.</summary>
/// <param name="Model">The model.</param>
/// <param name="Inputs">Makes a copy of the inputs: models may overwrite them.</param>
/// <param name="First">Start relevance of default mode, and of the supporting stream.</param>
/// <param name="Second">Start relevance of the opposing stream.</param>
internal sealed record Starts(RandomModel Model, Func<Tensor[]> Inputs, float[] First, float[] Second)
{
    /// <summary>The same with exchanged relevance.</summary>
    public Starts Swapped => this with { First = Second, Second = First };

    public static Starts Draw(RandomModel model, int seed)
    {
        Random random = new(seed);
        float[] Numbers() => [.. Enumerable.Range(0, (int)model.Output().numel()).Select(_ => random.Next(6) == 0 ? 0 : random.NextSingle())];
        return new Starts(model, model.Inputs, Numbers(), Numbers());
    }

    /// <summary>One sample.</summary>
    public Starts Of(int sample)
    {
        int length = First.Length / Model.Samples;
        Range part = (sample * length)..((sample + 1) * length);
        return new Starts(Model, () => [.. Inputs().Select(i => i.narrow(0, sample, 1).clone())], First[part], Second[part]);
    }

    public Backtracer Trace(Mode mode, RuleSet? rules = null, ContractionLibrary library = ContractionLibrary.Auto, bool saturation = true, string device = "cpu") =>
        new(Model, Model.Forward, TestDevices.Get(device), new BacktracerOptions
        {
            Mode = mode,
            Rules = rules ?? RuleSet.Backtrace,
            ContractionLibrary = library,
            Saturation = saturation,
            LedgerPerSample = true,
        });

    public Explanation Explain(Mode mode, RuleSet? rules = null, ContractionLibrary library = ContractionLibrary.Auto, bool saturation = true, string device = "cpu")
    {
        using Backtracer backtracer = Trace(mode, rules, library, saturation, device);
        return Explain(backtracer);
    }

    public Explanation Explain(Backtracer backtracer) => backtracer.Explain(Inputs(), Target.Custom(First, Second));
}
