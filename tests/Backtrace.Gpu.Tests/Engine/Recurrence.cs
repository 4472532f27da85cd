using Backtrace.Gpu.Kernels.Rules.Recurrent;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>A recurrent module of TorchSharp with random weights.</summary>
internal sealed class Recurrence(RecurrentCell cell, long inputs, long units, long layers = 1, bool isBidirectional = false, bool batchFirst = true)
{
    internal nn.Module Module { get; } = cell switch
    {
        RecurrentCell.Lstm => nn.LSTM(inputs, units, layers, batchFirst: batchFirst, bidirectional: isBidirectional),
        RecurrentCell.Gru => nn.GRU(inputs, units, layers, batchFirst: batchFirst, bidirectional: isBidirectional),
        RecurrentCell.Tanh => nn.RNN(inputs, units, layers, batchFirst: batchFirst, bidirectional: isBidirectional),
        _ => nn.RNN(inputs, units, layers, nn.NonLinearities.ReLU, batchFirst: batchFirst, bidirectional: isBidirectional),
    };

    /// <summary>Sequence, last h and, of an LSTM, last c.</summary>
    internal Tensor[] Run(Tensor x, params Tensor[] states)
    {
        switch (Module)
        {
            case TorchSharp.Modules.LSTM lstm:
                (Tensor sequence, Tensor h, Tensor c) = lstm.call(x, states.Length == 0 ? null : (states[0], states[1]));
                return [sequence, h, c];
            case TorchSharp.Modules.GRU gru:
                (sequence, h) = gru.call(x, states.ElementAtOrDefault(0));
                return [sequence, h];
            default:
                (sequence, h) = ((TorchSharp.Modules.RNN)Module).call(x, states.ElementAtOrDefault(0));
                return [sequence, h];
        }
    }

    /// <summary>All results of a sample side by side, [N, everything].</summary>
    internal Tensor RunToRows(Tensor x, params Tensor[] states)
    {
        Tensor[] results = Run(x, states);
        Tensor sequence = batchFirst ? results[0] : results[0].transpose(0, 1);
        return cat([sequence.flatten(1), .. results[1..].Select(s => s.transpose(0, 1).flatten(1))], 1);
    }

    /// <summary>Takes the weights of another module's direction.</summary>
    internal void TakeFrom(Recurrence other, string ending)
    {
        using var quiet = no_grad();
        foreach ((string name, TorchSharp.Modules.Parameter parameter) in Module.named_parameters())
            parameter.copy_(other.Module.get_parameter(name + ending)!);
    }
}
