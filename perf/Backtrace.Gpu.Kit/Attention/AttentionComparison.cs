using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Kit.Report;
using Device = Backtrace.Gpu.Kernels.Execution.Device;

namespace Backtrace.Gpu.Kit.Attention;

/// <summary>
/// Relevance of causal attentions beside the same machine's PyTorch, scaled_dot_product_attention forward and backward: time and memory. One
/// sample, heads of 64: as many key heads as query heads, and those of Llama 3.2 1B.
/// </summary>
internal static class AttentionComparison
{
    private const int Width = 64;

    // More than rounding loses among 8192 keys.
    private const double MostMissing = 1e-3;

    private static readonly (int Heads, int KeyHeads)[] Layouts = [(16, 16), (32, 8)];

    /// <returns>False if relevance was lost.</returns>
    internal static bool Measure(KitOptions options, Figures figures)
    {
        Dictionary<(int, int, int), AttentionCost> ours = [];
        bool isWhole = true;
        foreach ((int heads, int keyHeads) in Layouts)
        {
            foreach (int tokens in options.Tokens)
            {
                foreach (Mode mode in new[] { Mode.Default, Mode.Contrastive })
                {
                    string name = $"{Name(heads, keyHeads, tokens)}, {(mode == Mode.Default ? "relevance" : "contrastive")}";
                    if (Ours(options, new AttentionShape(1, heads, keyHeads, tokens, tokens, Width, Width), mode, name) is not { } cost)
                        continue;
                    isWhole &= cost.Missing < MostMissing;
                    if (mode == Mode.Default)
                        ours[(heads, keyHeads, tokens)] = cost;
                    figures.Add(name, cost.Seconds * 1e3, "ms", $"memory {Memory(cost.PeakBytes, cost.ExtraBytes)}; {cost.Rounds} rounds; {cost.Missing:0.0E+0} of the relevance lost; products by {cost.Products}");
                }
            }
        }

        Torch(options, figures, ours);
        return isWhole;
    }

    private static AttentionCost? Ours(KitOptions options, AttentionShape shape, Mode mode, string name)
    {
        using Device device = KitDevice.Open(options);
        try
        {
            using AttentionCase attention = new(device, shape);
            return attention.Measure(mode);
        }
        catch (DeviceException e)
        {
            Console.WriteLine($"{name}: {e.Message}");
            return null;
        }
    }

    private static void Torch(KitOptions options, Figures figures, Dictionary<(int, int, int), AttentionCost> ours)
    {
        string layouts = string.Join(',', Layouts.Select(l => $"{l.Heads}:{l.KeyHeads}:{Width}"));
        (string? line, string reason) = TorchScript.Run(options.Python, "--tokens", string.Join(',', options.Tokens), "--layouts", layouts, "--device", options.IsCuda ? options.Device : "cpu");
        if (line is null)
        {
            Console.WriteLine($"PyTorch is not measured: {reason}.");
            return;
        }

        TorchCosts costs = TorchCosts.Parse(line);
        foreach (string failure in costs.Failures)
            Console.WriteLine($"PyTorch {failure}");
        foreach (TorchCost row in costs.Rows)
        {
            string memory = row.PeakBytes is { } peak ? $"memory {Memory(peak, row.ExtraBytes ?? 0)}; " : "";
            string ratio = ours.TryGetValue((row.Heads, row.KeyHeads, row.Tokens), out AttentionCost? cost) ? $"relevance takes {cost.Seconds * 1e3 / row.Milliseconds:F2} times as long; " : "";
            figures.Add($"{Name(row.Heads, row.KeyHeads, row.Tokens)}, PyTorch {row.Precision}", row.Milliseconds, "ms", $"{memory}{ratio}{row.Variant}; PyTorch {costs.Torch} on {costs.Device}");
        }
    }

    private static string Name(int heads, int keyHeads, int tokens) => $"attention, {(heads == keyHeads ? $"{heads}" : $"{heads}/{keyHeads}")} heads, {tokens}";

    private static string Memory(long peak, long extra) => $"{peak / 1e6:F0} MB, {extra / 1e6:F0} beyond operands and results";
}
