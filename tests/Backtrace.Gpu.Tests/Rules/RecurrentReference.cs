using Backtrace.Gpu.Kernels.Rules.Recurrent;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>One sequence through one recurrent layer in contrastive mode, term by term in double precision (rules.md, B.11).</summary>
/// <param name="cell">Kind of cell.</param>
/// <param name="inputWeight">A row per unit of each gate, as torch orders them.</param>
/// <param name="stateWeight">The same for the state.</param>
/// <param name="inputBias">Bias of each row of the input's side.</param>
/// <param name="stateBias">Bias of each row of the state's side.</param>
internal sealed class RecurrentReference(RecurrentCell cell, double[][] inputWeight, double[][] stateWeight, double[] inputBias, double[] stateBias)
{
    private readonly int units = stateWeight[0].Length;
    private readonly int gates = stateWeight.Length / stateWeight[0].Length;
    private readonly List<Step> steps = [];

    /// <summary>Smallest share that a sign has of the mass of each unit that has both: of the input's side, and of the state's.</summary>
    internal (List<double> Input, List<double> State) Balances { get; } = ([], []);

    /// <summary>Relevance of the sequence [T][I], of the first h and of the first c.</summary>
    /// <param name="x">The sequence.</param>
    /// <param name="h">The first h.</param>
    /// <param name="c">The first c.</param>
    /// <param name="start">Both streams at the result, [T][U].</param>
    internal (Pair[][] X, Pair[] H, Pair[] C) Explain(double[][] x, double[] h, double[] c, Pair[][] start)
    {
        foreach (double[] row in x)
        {
            steps.Add(Forward(row, h, c));
            (h, c) = (steps[^1].NextH, steps[^1].NextC);
        }

        Pair[][] toInput = new Pair[x.Length][];
        Pair[] carryH = new Pair[units], carryC = new Pair[units];
        for (int t = x.Length - 1; t >= 0; t--)
            toInput[t] = Back(steps[t], [.. start[t].Zip(carryH, (a, b) => a + b)], ref carryH, ref carryC);
        return (toInput, carryH, carryC);
    }

    private Step Forward(double[] x, double[] h, double[] c)
    {
        double[] ofInput = Dense(inputWeight, inputBias, x), ofState = Dense(stateWeight, stateBias, h);
        double[] nextH = new double[units], nextC = new double[units];
        for (int u = 0; u < units; u++)
        {
            double Sum(int gate) => ofInput[gate * units + u] + ofState[gate * units + u];
            switch (cell)
            {
                case RecurrentCell.Lstm:
                    nextC[u] = Sigmoid(Sum(1)) * c[u] + Sigmoid(Sum(0)) * Math.Tanh(Sum(2));
                    nextH[u] = Sigmoid(Sum(3)) * Math.Tanh(nextC[u]);
                    break;
                case RecurrentCell.Gru:
                    double n = Math.Tanh(ofInput[2 * units + u] + Sigmoid(Sum(0)) * ofState[2 * units + u]), z = Sigmoid(Sum(1));
                    nextH[u] = (1 - z) * n + z * h[u];
                    break;
                default:
                    nextH[u] = cell == RecurrentCell.Tanh ? Math.Tanh(Sum(0)) : Math.Max(Sum(0), 0);
                    break;
            }
        }

        return new Step(x, h, c, ofInput, ofState, nextH, nextC);
    }

    private Pair[] Back(Step step, Pair[] relevance, ref Pair[] carryH, ref Pair[] carryC)
    {
        Pair[] toInput = new Pair[gates * units], toState = new Pair[gates * units], direct = new Pair[units], nextC = new Pair[units];
        for (int u = 0; u < units; u++)
        {
            switch (cell)
            {
                case RecurrentCell.Lstm:
                    double i = Sigmoid(Sum(0)), f = Sigmoid(Sum(1)), g = Math.Tanh(Sum(2)), o = Sigmoid(Sum(3));
                    (Pair toO, Pair toC) = OfProduct(o, Math.Tanh(step.NextC[u]), relevance[u]);
                    (Pair kept, Pair added) = OfSum(f * step.C[u], i * g, toC + carryC[u]);
                    (Pair toF, nextC[u]) = OfProduct(f, step.C[u], kept);
                    (Pair toI, Pair toG) = OfProduct(i, g, added);
                    Gate(0, toI);
                    Gate(1, toF);
                    Gate(2, toG);
                    Gate(3, toO);
                    break;
                case RecurrentCell.Gru:
                    double r = Sigmoid(Sum(0)), z = Sigmoid(Sum(1)), x = step.Input[2 * units + u], reset = r * step.State[2 * units + u], n = Math.Tanh(x + reset);
                    (Pair fresh, Pair old) = OfSum((1 - z) * n, z * step.H[u], relevance[u]);
                    direct[u] = old * 0.5;
                    (toInput[2 * units + u], Pair toReset) = OfSum(x, reset, fresh * 0.5);
                    toState[2 * units + u] = toReset * 0.5;
                    Gate(0, toReset * 0.5);
                    Gate(1, (fresh + old) * 0.5);
                    break;
                default:
                    Gate(0, relevance[u]);
                    break;
            }

            double Sum(int gate) => step.Input[gate * units + u] + step.State[gate * units + u];

            void Gate(int gate, Pair of) =>
                (toInput[gate * units + u], toState[gate * units + u]) = OfSum(step.Input[gate * units + u], step.State[gate * units + u], of);
        }

        carryC = nextC;
        carryH = [.. direct.Zip(HandOn(stateWeight, stateBias, step.H, toState, Balances.State), (a, b) => a + b)];
        return HandOn(inputWeight, inputBias, step.X, toInput, Balances.Input);
    }

    // Each row of W is a unit.
    private static Pair[] HandOn(double[][] weight, double[] bias, double[] x, Pair[] relevance, List<double> balances)
    {
        double[] supporting = new double[x.Length], opposing = new double[x.Length];
        for (int j = 0; j < weight.Length; j++)
        {
            double[] z = [.. weight[j].Zip(x, (a, b) => a * b)];
            double p = z.Where(v => v > 0).Sum(), n = -z.Where(v => v < 0).Sum();
            if (p > 0 && n > 0)
                balances.Add(Math.Min(p, n) / (p + n));
            ContrastiveReference.Unit(z, bias[j], relevance[j].Supporting, relevance[j].Opposing, supporting, opposing);
        }

        return [.. supporting.Zip(opposing, (a, b) => new Pair(a, b))];
    }

    private static (Pair First, Pair Second) OfSum(double a, double b, Pair relevance)
    {
        double[] supporting = new double[2], opposing = new double[2];
        ContrastiveReference.Unit([a, b], 0, relevance.Supporting, relevance.Opposing, supporting, opposing);
        return (new Pair(supporting[0], opposing[0]), new Pair(supporting[1], opposing[1]));
    }

    // Inside an LSTM: each by the other's magnitude.
    private static (Pair First, Pair Second) OfProduct(double a, double b, Pair relevance) => a * b == 0
        ? default
        : (relevance * (Math.Abs(b) / (Math.Abs(a) + Math.Abs(b))), relevance * (Math.Abs(a) / (Math.Abs(a) + Math.Abs(b))));

    private static double[] Dense(double[][] weight, double[] bias, double[] x) => [.. weight.Zip(bias, (row, b) => b + row.Zip(x, (w, v) => w * v).Sum())];

    private static double Sigmoid(double t) => 1 / (1 + Math.Exp(-t));

    /// <summary>A relevance in both streams.</summary>
    internal readonly record struct Pair(double Supporting, double Opposing)
    {
        public static Pair operator +(Pair a, Pair b) => new(a.Supporting + b.Supporting, a.Opposing + b.Opposing);

        public static Pair operator *(Pair a, double factor) => new(a.Supporting * factor, a.Opposing * factor);
    }

    // Activations of a step: Input and State are the two parts of the gates.
    private sealed record Step(double[] X, double[] H, double[] C, double[] Input, double[] State, double[] NextH, double[] NextC);
}
