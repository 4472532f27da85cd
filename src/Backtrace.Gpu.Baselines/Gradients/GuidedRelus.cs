using Backtrace.Gpu.Interop;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>ReLUs that let only positive gradients pass, and those only where they are on.</summary>
internal sealed class GuidedRelus(string method, ExplainedModel model) : OperatorOverride(method, model)
{
    /// <summary>Number of ReLUs met so far.</summary>
    public int Count { get; private set; }

    protected override bool Concerns(string name, nint arguments, int count) => name switch
    {
        "relu" => true,
        "clamp_min" => IsZero(arguments, 1),
        "clamp" => IsZero(arguments, 1) && new IValue(arguments + 2 * IValue.Size).IsNone,
        "threshold" => IsZero(arguments, 1) && IsZero(arguments, 2),
        "rnn_relu" => throw Refusal("is a recurrent network whose ReLUs cannot be reached. Explain it by another method."),
        _ => false,
    };

    protected override void Returned(string name, bool inPlace, Tensor argument, Tensor result, Tensor? second)
    {
        if (!result.requires_grad)
            return;
        Count++;
        Tensor on = argument.detach() > 0;
        Redirect(result, PositiveGradient.apply((argument - argument.detach()) * on));
    }

    private static bool IsZero(nint arguments, int index)
    {
        IValue value = new(arguments + index * IValue.Size);
        return value is { IsInt: true, Int: 0 } or { IsDouble: true, Double: 0 };
    }
}
