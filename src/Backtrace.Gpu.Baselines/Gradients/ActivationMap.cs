using Backtrace.Gpu.Graphs;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>A weighted sum of a layer's channels as an attribution of pixels: what Grad-CAM and Grad-CAM++ share.</summary>
internal sealed class ActivationMap
{
    private readonly string method;
    private readonly ExplainedModel model;
    private readonly GradCamOptions options;
    private readonly string path;
    private readonly nn.Module<Tensor, Tensor> layer;

    public ActivationMap(string method, ExplainedModel model, GradCamOptions options)
    {
        this.method = method;
        this.model = model;
        this.options = options;
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Batch, 1);
        path = options.Layer ?? model.Parts().LastOrDefault(part => part.Module is Conv2d).Path
            ?? throw new ExplainerException($"{method}: the model has no convolution. Name another layer with outputs of [N, channels, height, width].");
        layer = model.Find<nn.Module<Tensor, Tensor>>(path);
    }

    /// <param name="samples">Pictures.</param>
    /// <param name="weigh">From activations and their gradients, [N, channels, height, width], to the weights of channels, [N, channels, 1, 1].</param>
    /// <param name="cancellation">Looked at between passes.</param>
    /// <returns>[N, C, H, W].</returns>
    public Tensor Explain(Samples samples, Func<Tensor, Tensor, Tensor> weigh, CancellationToken cancellation)
    {
        PictureMap.EnsurePictures(method, samples.Input);
        using DisposeScope scope = NewDisposeScope();
        List<Tensor> maps = [];
        for (long begin = 0; begin < samples.Count; begin += options.Batch)
        {
            cancellation.ThrowIfCancellationRequested();
            long count = Math.Min(options.Batch, samples.Count - begin);
            maps.Add(Map(samples.Input.narrow(0, begin, count), samples.Targets.narrow(0, begin, count), weigh));
        }

        return PictureMap.PartAmongChannels(cat(maps), samples.Input).MoveToOuterDisposeScope().DetachFromDisposeScope();
    }

    // [N, 1, H, W].
    private Tensor Map(Tensor input, Tensor targets, Func<Tensor, Tensor, Tensor> weigh)
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor activations, Tensor gradients) = Differentiate(input, targets);
        using var quiet = no_grad();
        Tensor map = (weigh(activations, gradients) * activations).sum(1, keepdim: true);
        if (options.Relu)
            map = map.relu();
        return PictureMap.ScaleUp(map, input).MoveToOuterDisposeScope();
    }

    // The layer's output becomes a leaf, so nothing before it is differentiated.
    private (Tensor Activations, Tensor Gradients) Differentiate(Tensor input, Tensor targets)
    {
        using IDisposable on = GradientMode.On();
        List<Tensor> leaves = [];
        using IDisposable hook = ModuleHooks.Replace(layer, output =>
        {
            leaves.Add(output.detach().requires_grad_(true).DetachFromDisposeScope());
            return leaves[^1].alias();
        });
        try
        {
            Tensor chosen = ExplainedModel.Chosen(model.Scores(input), targets).sum();
            Check(leaves);
            Tensor? gradient = chosen.requires_grad ? autograd.grad([chosen], [leaves[0]], allow_unused: true)[0] : null;
            if (gradient is null or { IsInvalid: true })
                throw new ExplainerException($"{method}: the scores do not depend on the layer '{path}'. Name another layer.");
            return (leaves[0].detach(), gradient);
        }
        finally
        {
            leaves.ForEach(leaf => leaf.Dispose());
        }
    }

    private void Check(List<Tensor> leaves)
    {
        if (leaves.Count != 1)
            throw new ExplainerException($"{method}: the layer '{path}' ran {leaves.Count} times in a forward pass; it has to be called once, not run through forward. Name another layer.");
        if (leaves[0].dim() != 4)
            throw new ExplainerException($"{method}: the layer '{path}' has outputs of the shape [{string.Join(", ", leaves[0].shape)}]; [N, channels, height, width] is needed. Name another layer.");
    }
}
