using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Fuzz;

// Recurrent layers, over batch-first sequences.
internal static partial class Operators
{
    private static Action<Sketch>[] Recurrences => [Recurrent];

    private static void Recurrent(Sketch s)
    {
        int v = s.Any(t => t.ndim == 3);
        if (v < 0)
            return;
        long inputs = s.Values[v].shape[2], units = s.Next(1, 5), layers = s.Next(1, 3);
        bool twice = s.Chance(2), first = s.Chance(2);
        switch (s.Next(3))
        {
            case 0:
                var lstm = s.Part(nn.LSTM(inputs, units, layers, bias: s.Chance(2), batchFirst: true, bidirectional: twice));
                s.Add($"LSTM[{units}, {layers} layers{(twice ? ", both ways" : "")}]", [v], x => first ? [lstm.call(x[0], null).Item1] : [lstm.call(x[0], null).Item1, lstm.call(x[0], null).Item3.transpose(0, 1)], null);
                break;
            case 1:
                var gru = s.Part(nn.GRU(inputs, units, layers, bias: s.Chance(2), batchFirst: true, bidirectional: twice));
                s.Add($"GRU[{units}, {layers} layers{(twice ? ", both ways" : "")}]", [v], x => first ? [gru.call(x[0], null).Item1] : [gru.call(x[0], null).Item2.transpose(0, 1)], null);
                break;
            default:
                var rnn = s.Part(nn.RNN(inputs, units, layers, batchFirst: true, bidirectional: twice));
                s.Add($"RNN[{units}, {layers} layers{(twice ? ", both ways" : "")}]", v, x => rnn.call(x, null).Item1, null);
                break;
        }
    }
}
