using Backtrace.Gpu.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// DeepLIFT's rescale rule as gradients: an activation's is the slope between its values at baseline and input. Max pooling is such a slope at one entry of each
/// window, the greatest of input or baseline, whichever is greater. Where the two hardly differ, the gradient at the input remains.
/// </summary>
internal sealed class Rescaling(string method, ExplainedModel model) : OperatorOverride(method, model)
{
    // SHAP's threshold; Captum's is 1e-10.
    private const double Least = 1e-6;

    private static readonly HashSet<string> Activations =
    [
        "relu", "relu6", "leaky_relu", "prelu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus", "sigmoid", "log_sigmoid", "tanh", "hardtanh",
        "hardswish", "hardsigmoid", "threshold", "clamp", "clamp_min", "clamp_max",
    ];

    private readonly List<(string Name, Tensor Argument, Tensor Result, Tensor? Places)> reference = [];
    private bool recording;
    private int next;
    private PoolingArguments? pooling;

    /// <summary>Multipliers: what input less baseline is multiplied with.</summary>
    /// <param name="points">[N, ...].</param>
    /// <param name="baseline">[N, ...].</param>
    /// <param name="input">As for <see cref="ExplainedModel.Gradients"/>.</param>
    /// <param name="targets">[N].</param>
    public Tensor Multipliers(Tensor points, Tensor baseline, Tensor input, Tensor targets) =>
        OperatorTap.Undisturbed(() => MultipliersOnce(points, baseline, input, targets));

    private Tensor MultipliersOnce(Tensor points, Tensor baseline, Tensor input, Tensor targets)
    {
        try
        {
            recording = true;
            using (no_grad())
            using (NewDisposeScope())
                Scores(baseline, input);
            recording = false;
            next = 0;
            Tensor multipliers = Gradients(points, input, targets);
            return next == reference.Count ? multipliers : throw AnotherWay();
        }
        finally
        {
            foreach ((_, Tensor argument, Tensor result, Tensor? places) in reference)
            {
                argument.Dispose();
                result.Dispose();
                places?.Dispose();
            }

            reference.Clear();
        }
    }

    protected override bool Concerns(string name, nint arguments, int count)
    {
        pooling = PoolingArguments.Of(name, arguments);
        return pooling is not null || Activations.Contains(name);
    }

    protected override void Returned(string name, bool inPlace, Tensor argument, Tensor result, Tensor? second)
    {
        using Tensor? places = pooling?.Places(argument.detach(), second);
        if (recording)
        {
            Tensor Kept(Tensor tensor) => tensor.detach().clone().DetachFromDisposeScope(); // what comes later may be in place
            reference.Add((name, Kept(argument), Kept(result), places is null ? null : Kept(places)));
            return;
        }

        if (next == reference.Count || reference[next].Name != name || !reference[next].Result.shape.SequenceEqual(result.shape))
            throw AnotherWay();
        (_, Tensor argument0, Tensor result0, Tensor? places0) = reference[next++];
        if (!result.requires_grad)
            return;
        using Tensor difference = result.detach() - result0;
        if (places is null)
            Redirect(result, Slope(argument, argument.detach() - argument0, difference, Derivative(name, inPlace, argument, result)));
        else
            RedirectView(result, Pooled(argument, argument0, difference, where(difference < -Least, places0!, places)));
    }

    // Zero, with the slope as its gradient.
    private static Tensor Slope(Tensor argument, Tensor step, Tensor difference, Tensor derivative)
    {
        Tensor far = step.abs() > Least;
        Tensor slope = where(far, difference / where(far, step, ones_like(step)), derivative);
        return slope * (argument - argument.detach());
    }

    private Tensor Pooled(Tensor argument, Tensor argument0, Tensor difference, Tensor places)
    {
        Tensor At(Tensor x) => x.flatten(x.dim() - pooling!.Axes).gather(-1, places.flatten(x.dim() - pooling.Axes)).view(places.shape);
        Tensor taken = At(argument);
        return Slope(taken, taken.detach() - At(argument0), difference, ones_like(difference));
    }

    private Tensor Derivative(string name, bool inPlace, Tensor argument, Tensor result)
    {
        if (!inPlace)
            return autograd.grad([result], [argument], [ones_like(result)])[0];
        return name == "relu"
            ? (argument.detach() > 0).to(argument.dtype)
            : throw Refusal($"computes {name} in place, whose gradient is lost. Build it without inplace.");
    }

    private ExplainerException AnotherWay() =>
        Refusal("takes another way at the baseline than at the input: the activations do not correspond. Explain it by another method.");
}
