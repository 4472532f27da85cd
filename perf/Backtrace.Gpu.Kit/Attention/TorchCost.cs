using System.Text.Json;

namespace Backtrace.Gpu.Kit.Attention;

/// <summary>What PyTorch's attention cost, forward and backward; memory is null where PyTorch does not count it.</summary>
internal sealed record TorchCost(int Heads, int KeyHeads, int Tokens, string Precision, string Variant, double Milliseconds, long? PeakBytes, long? ExtraBytes);

/// <summary>All of what attention.py printed.</summary>
internal sealed record TorchCosts(string Torch, string Device, TorchCost[] Rows, string[] Failures)
{
    private static readonly JsonSerializerOptions Options = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    internal static TorchCosts Parse(string line) => JsonSerializer.Deserialize<TorchCosts>(line, Options)!;
}
