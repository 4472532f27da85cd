using System.Runtime.InteropServices;
using Backtrace.Gpu.Runs;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>One input explained for one target, ready to be shown.</summary>
/// <param name="Predicted">The most likely class or token; of a segmentation, the class with the most pixels.</param>
/// <param name="Target">The explained one.</param>
/// <param name="Scores">All classes in their order; of a vocabulary, which is too large to be kept for each token, the most likely tokens.</param>
/// <param name="Flow">The relevance; in contrastive mode the supporting one.</param>
/// <param name="Opposing">The opposing relevance; null in default mode.</param>
internal sealed record Explained(Score Predicted, Score Target, IReadOnlyList<Score> Scores, Flow Flow, Flow? Opposing)
{
    /// <summary>How a person would call the input.</summary>
    public string Name { get; init; } = "";

    /// <summary>Which input it is.</summary>
    public int Input { get; init; }

    /// <summary>The target as it was asked for; of several, each input is explained for each.</summary>
    public TargetChoice Asked { get; init; } = TargetChoice.Argmax;

    /// <summary>The file that its explanation was saved to.</summary>
    public string File { get; init; } = "";

    /// <summary>Its place among the samples of that explanation.</summary>
    public int Place { get; init; }

    /// <summary>Pixels that a segmentation gave to the explained class, row by row; null for other models.</summary>
    public bool[]? Mask { get; init; }

    /// <summary>The same without the relevance of layers, which can be much larger than all else.</summary>
    internal Explained WithoutLayers() => this with { Flow = Flow with { Layers = [] }, Opposing = Opposing is null ? null : Opposing with { Layers = [] } };

    internal float[] Relevance => Flow.Relevance;

    internal Account Account => Flow.Account;

    /// <summary>The relevance; in contrastive mode what supports less what opposes.</summary>
    internal float[] Difference => Opposing is null ? Relevance : [.. Relevance.Zip(Opposing.Relevance, (a, b) => a - b)];
}

/// <summary>Relevance of one kind for one input.</summary>
/// <param name="Relevance">Relevance of the input, flat, as shares of what started: of 1, or of the score's size where evidence keeps its sign.</param>
/// <param name="Account">Where it went.</param>
/// <param name="Layers">Relevance of the layers that were asked for, as shares too.</param>
internal sealed record Flow(float[] Relevance, Account Account, IReadOnlyList<LayerMap> Layers)
{
    /// <summary>A number of the account as a share of what started.</summary>
    internal double ShareOf(double relevance) => relevance / (Account.Start != 0 ? Math.Abs(Account.Start) : 1);

    /// <summary>The parts of the samples of a batch.</summary>
    internal static Flow[] Split(RelevanceStream stream, int samples)
    {
        // data<float>() would copy entry by entry where there are several axes.
        ReadOnlySpan<float> relevance = MemoryMarshal.Cast<byte, float>(stream.Input.bytes);
        int length = relevance.Length / samples;
        Ledger ledger = stream.Ledger;
        float[] start = [.. ledger.Start], input = [.. ledger.Input], bias = ledger.Bias, dropped = ledger.Dropped, constants = ledger.Constants;
        Flow[] flows = new Flow[samples];
        for (int n = 0; n < samples; n++)
        {
            float unit = start[n] != 0 ? Math.Abs(start[n]) : 1;
            float[] shares = relevance.Slice(n * length, length).ToArray();
            for (int k = 0; k < shares.Length; k++)
                shares[k] /= unit;
            LayerMap[] layers = stream.Layers.Count == 0 ? [] : [.. stream.Layers.Select(layer => LayerMap.Of(layer.Key, layer.Value, n, samples, unit))];
            flows[n] = new Flow(shares, new Account(start[n], input[n], bias[n], dropped[n], constants[n]), layers);
        }

        return flows;
    }
}
