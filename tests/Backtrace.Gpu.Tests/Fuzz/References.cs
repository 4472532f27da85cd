using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Fuzz;

/// <summary>The default rules (rules.md, B) in double precision, by derivatives of operators: nothing is shared with the library.</summary>
internal static class References
{
    /// <summary>Every result is a copy of an operand, or a constant.</summary>
    public static Reference Copies(Func<Tensor, Tensor> run) => Copies(x => [run(x[0])]);

    /// <summary>Every result is a copy of an operand, or a constant. The derivative of a maximum over axes counts here: torch shares it among ties.</summary>
    public static Reference Copies(Func<Tensor[], Tensor[]> run) => (x, relevance) => Derivative(run, x, relevance);

    /// <summary>The unit rule. <paramref name="masses"/>: Σ|z| of every unit, and |b|, as a linear function of the operands' absolute values.</summary>
    public static Reference Units(Func<Tensor, Tensor> masses) => Joint(x => masses(x[0]));

    /// <summary>The unit rule of several operands.</summary>
    public static Reference Joint(Func<Tensor[], Tensor> masses) => (x, relevance) =>
    {
        Tensor[] sizes = [.. x.Select(t => t.abs())];
        Tensor mass = masses(sizes), share = where(mass > 1e-30, relevance[0] / mass, zeros_like(mass));
        return [.. Derivative(t => [masses(t)], sizes, [share]).Zip(sizes, (r, size) => r * size)];
    };

    /// <summary>The operand gets all, entry by entry.</summary>
    public static readonly Reference Identity = (x, relevance) => [relevance[0].reshape(x[0].shape)];

    /// <summary>Two operands that are multiplied entry by entry, with broadcasting.</summary>
    public static readonly Reference Halves = (x, relevance) => Derivative(t => [t[0] + t[1]], x, [relevance[0] / 2]);

    /// <summary>Products of two operands, half to each in proportion to |ab|.</summary>
    public static Reference Products(Func<Tensor, Tensor, Tensor> multiply) => (x, relevance) =>
    {
        Tensor a = x[0].abs(), b = x[1].abs(), mass = multiply(a, b), share = where(mass > 1e-30, relevance[0] / 2 / mass, zeros_like(mass));
        return [.. Derivative(t => [multiply(t[0], t[1])], [a, b], [share]).Zip([a, b], (r, size) => r * size)];
    };

    private static Tensor[] Derivative(Func<Tensor[], Tensor[]> run, Tensor[] x, Tensor[] relevance)
    {
        using var on = enable_grad();
        Tensor[] leaves = [.. x.Select(t => t.detach().clone().requires_grad_(t.is_floating_point()))];
        Tensor[] results = run([.. leaves.Select(l => l.alias())]);
        Tensor total = zeros(1, dtype: float64);
        for (int k = 0; k < results.Length; k++)
            total = total + (results[k] * relevance[k]).sum();
        if (total.requires_grad)
            total.sum().backward();
        return [.. leaves.Select(l => l.grad is { } grad && !grad.IsInvalid ? grad : zeros_like(l, dtype: float64))];
    }
}
