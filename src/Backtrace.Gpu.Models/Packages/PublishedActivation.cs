using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>Activations by the names that configurations of Hugging Face have for them.</summary>
internal static class PublishedActivation
{
    internal const string Known = "gelu, gelu_new, gelu_pytorch_tanh, relu and silu";

    /// <summary>The function and the name of its module; null for an unknown one.</summary>
    internal static (string Name, Module<Tensor, Tensor> Module)? Find(string activation) => activation switch
    {
        "gelu" or "gelu_python" => ("gelu", GELU()),
        // Four spellings of one formula.
        "gelu_new" or "gelu_fast" or "gelu_accurate" or "gelu_pytorch_tanh" => ("gelu", GELU(TorchSharp.Modules.GELU.Approximate.tanh)),
        "relu" => ("relu", ReLU()),
        "silu" or "swish" => ("silu", SiLU()),
        _ => null,
    };
}
