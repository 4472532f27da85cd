using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Fuzz;

/// <summary>A model that was drawn at random: steps that read any earlier values, and the values that it returns.</summary>
internal sealed class RandomModel : nn.Module
{
    private readonly Tensor[] inputs;
    private readonly string title;

    private RandomModel(string title, Tensor[] inputs, Sketch sketch, int[] outputs)
        : base("RandomModel")
    {
        (this.title, this.inputs, Steps, Outputs) = (title, inputs, sketch.Steps, outputs);
        SamplesStayApart = sketch.Apart.All(a => a);
        for (int k = 0; k < sketch.Parts.Count; k++)
            register_module($"part{k}", sketch.Parts[k]);
        eval();
    }

    public IReadOnlyList<Step> Steps { get; }

    /// <summary>Values that are returned.</summary>
    public int[] Outputs { get; }

    /// <summary>The batch is the first axis of whatever the outputs are made of.</summary>
    public bool SamplesStayApart { get; }

    /// <summary>Numbers are not rounded to 16 bits.</summary>
    public bool IsWide { get; private init; }

    public int Samples => (int)inputs[0].shape[0];

    /// <summary>A copy of the inputs: models may overwrite them.</summary>
    public Tensor[] Inputs() => [.. inputs.Select(i => i.clone())];

    public static RandomModel Draw(int seed)
    {
        Random random = new(seed);
        torch.random.manual_seed(seed);
        ScalarType type = random.Next(12) switch { 0 => ScalarType.Float64, 1 => ScalarType.BFloat16, _ => ScalarType.Float32 };
        Sketch sketch = new(random, type);
        Tensor[] inputs = Operators.Inputs(sketch);
        sketch.Begin(inputs);
        int count = random.Next(1, 11);
        while (sketch.Steps.Count < count || !sketch.Values[^1].is_floating_point() || sketch.Values[^1].numel() == 0)
            Operators.All[random.Next(Operators.All.Length)](sketch);
        List<int> outputs = [sketch.Values.Count - 1];
        if (random.Next(5) == 0 && sketch.Any() is >= 0 and int other)
            outputs.Add(other);
        sketch.Finish(outputs);
        return new RandomModel($"seed {seed}, {type}, inputs {string.Join(" and ", inputs.Select(Text))}", inputs, sketch, [.. outputs]) { IsWide = type != ScalarType.BFloat16 };
    }

    /// <summary>The explained output.</summary>
    public Tensor Output()
    {
        using var quiet = no_grad();
        return Forward(Inputs())[0];
    }

    /// <summary>Gradient of a weighted sum of the output, times the inputs; null where libtorch has none of models that overwrite what they need.</summary>
    public Tensor[]? GradientTimesInput(float[] weights)
    {
        using var on = enable_grad();
        Tensor[] leaves = [.. Inputs().Select(i => i.is_floating_point() ? i.requires_grad_(true) : i)];
        try
        {
            Tensor output = Forward([.. leaves.Select(l => l.clone())])[0], total = (output * tensor(weights).reshape(output.shape)).sum();
            if (total.requires_grad)
                total.backward();
        }
        catch (ExternalException)
        {
            return null;
        }

        return [.. leaves.Select(l => l.grad is { IsInvalid: false } gradient ? (gradient * l).detach() : zeros_like(l))];
    }

    public Tensor[] Forward(IReadOnlyList<Tensor> given) => Forward(given, null);

    /// <summary>Runs all steps; <paramref name="watch"/> hears of the operands before each of them, and of the results after it.</summary>
    public Tensor[] Forward(IReadOnlyList<Tensor> given, Action<Step, Tensor[], Tensor[]?>? watch)
    {
        List<Tensor> values = [.. given];
        foreach (Step step in Steps)
        {
            Tensor[] operands = [.. step.From.Select(f => values[f])];
            watch?.Invoke(step, operands, null);
            Tensor[] results = step.Run(operands);
            watch?.Invoke(step, operands, results);
            values.AddRange(results);
        }

        return [.. Outputs.Select(o => values[o])];
    }

    public override string ToString() =>
        $"{title}{Environment.NewLine}  {string.Join(Environment.NewLine + "  ", Steps)}{Environment.NewLine}  return {string.Join(", ", Outputs.Select(o => $"v{o}"))}";

    internal static string Text(Tensor tensor) => $"[{string.Join(", ", tensor.shape)}]{(tensor.is_contiguous() ? "" : " strided")}";
}
