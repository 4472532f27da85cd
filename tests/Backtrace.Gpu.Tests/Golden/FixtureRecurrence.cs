using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Golden;

/// <summary>Runs recurrent golden cases with TorchSharp's own modules.</summary>
internal static class FixtureRecurrence
{
    internal static Tensor Run(string op, Tensor[] x, FixtureOperators.Parameters parameters, FixtureAttributes a)
    {
        long inputs = x[0].shape[^1], units = a.Integer("hidden_size"), layers = a.Integer("num_layers", 1);
        bool both = a.Flag("bidirectional"), bias = parameters("bias_ih_l0") is not null;
        (Tensor sequence, Tensor hidden) = op switch
        {
            "lstm" => Lstm(nn.LSTM(inputs, units, layers, bias, batchFirst: true, bidirectional: both), x, parameters),
            "gru" => With(nn.GRU(inputs, units, layers, bias, batchFirst: true, bidirectional: both), parameters).call(x[0], x.ElementAtOrDefault(1)),
            _ => With(nn.RNN(inputs, units, layers, Nonlinearity(a), bias, batchFirst: true, bidirectional: both), parameters).call(x[0], x.ElementAtOrDefault(1)),
        };
        if (a.Get("return") == "sequence")
            return sequence;
        return both ? cat([hidden.select(0, -2), hidden.select(0, -1)], 1) : hidden.select(0, -1);
    }

    private static (Tensor Sequence, Tensor Hidden) Lstm(TorchSharp.Modules.LSTM module, Tensor[] x, FixtureOperators.Parameters parameters)
    {
        (Tensor sequence, Tensor hidden, _) = With(module, parameters).call(x[0], x.Length > 1 ? (x[1], x[2]) : null);
        return (sequence, hidden);
    }

    private static nn.NonLinearities Nonlinearity(FixtureAttributes a) => a.Get("nonlinearity") == "relu" ? nn.NonLinearities.ReLU : nn.NonLinearities.Tanh;

    private static TModule With<TModule>(TModule module, FixtureOperators.Parameters parameters)
        where TModule : nn.Module
    {
        foreach ((string name, TorchSharp.Modules.Parameter target) in module.named_parameters())
            target.copy_(parameters(name)!);
        module.eval();
        return module;
    }
}
