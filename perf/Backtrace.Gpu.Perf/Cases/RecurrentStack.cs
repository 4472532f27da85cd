using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Perf.Cases;

/// <summary>An LSTM of several layers and a classifier on its last state: [N, T, width] to [N, 2].</summary>
internal sealed class RecurrentStack : Module<Tensor, Tensor>
{
    private readonly TorchSharp.Modules.LSTM lstm;
    private readonly Module<Tensor, Tensor> head;

    public RecurrentStack(int layers, int width) : base(nameof(RecurrentStack))
    {
        lstm = LSTM(width, width, layers, batchFirst: true);
        head = Linear(width, 2);
        RegisterComponents();
    }

    public override Tensor forward(Tensor input)
    {
        (Tensor states, _, _) = lstm.call(input);
        return head.call(states.select(1, -1));
    }
}
