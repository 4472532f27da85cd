using Backtrace.Gpu.Kernels;

namespace Backtrace.Gpu;

/// <summary>The model contains operators that have no rule. Nothing was explained; all such places are listed.</summary>
public sealed class UnsupportedLayerException : NotSupportedException
{
    /// <summary>Says which layers and why.</summary>
    public UnsupportedLayerException(string message)
        : base(message)
    {
    }

    /// <summary>Lists the places.</summary>
    public UnsupportedLayerException(IReadOnlyList<string> layers)
        : base($"{Counted.Of(layers.Count, "place of the model has", "places of the model have")} no rule:{Environment.NewLine}  {string.Join(Environment.NewLine + "  ", layers)}{Environment.NewLine}Add a rule for them (docs/adding-a-rule.md) or rewrite these operators.") =>
        Layers = layers;

    /// <summary>Says which layers and why, with the cause.</summary>
    public UnsupportedLayerException(string message, Exception inner)
        : base(message, inner)
    {
    }

    /// <summary>For serializers.</summary>
    public UnsupportedLayerException()
    {
    }

    /// <summary>One line per place: the node's name, its operator and the reason.</summary>
    public IReadOnlyList<string> Layers { get; } = [];
}
