using Backtrace.Gpu.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// What the output loses when a window of the input is replaced by <see cref="Samples.Absent"/> (Zeiler and Fergus, arXiv 1311.2901), as in Captum's Occlusion: an
/// entry gets the mean loss of the windows that hide it, the first window lies at the origin, and the last ones are cut off at the edge. Does not look at
/// <see cref="Samples.Features"/>.
/// </summary>
public sealed class OcclusionExplainer : IExplainer
{
    private readonly ExplainedModel model;
    private readonly OcclusionOptions options;

    /// <param name="model">The model.</param>
    /// <param name="options">Settings; defaults when null.</param>
    /// <exception cref="ArgumentException">Window and strides do not fit together.</exception>
    public OcclusionExplainer(ExplainedModel model, OcclusionOptions? options = null)
    {
        this.model = model;
        this.options = options ?? new();
        if (this.options.Window.Count != this.options.Strides.Count || this.options.Window.Count == 0)
            throw new ArgumentException($"A window of {Counted.Of(this.options.Window.Count, "dimension")} needs as many strides, not {this.options.Strides.Count}.", nameof(options));
        for (int d = 0; d < this.options.Window.Count; d++)
        {
            (long stride, long size) = (this.options.Strides[d], this.options.Window[d]);
            if (stride < 1 || stride > size)
                throw new ArgumentException($"A stride of {stride} would leave entries out of windows of {size}: take 1 to {size}.", nameof(options));
        }

        Name = $"Occlusion ({string.Join('x', this.options.Window)})";
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public Tensor Explain(Samples samples, CancellationToken cancellation = default)
    {
        using DisposeScope scope = NewDisposeScope();
        using var quiet = no_grad();
        long[][] windows = Windows(samples.Input.shape[1..]);
        List<Tensor> rows = [];
        for (long i = 0; i < samples.Count; i++)
        {
            using Samples one = samples.One(i);
            rows.Add(Losses(one, windows, cancellation));
        }

        return stack(rows).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private Tensor Losses(Samples sample, long[][] windows, CancellationToken cancellation)
    {
        using DisposeScope scope = NewDisposeScope();
        long[] shape = sample.Input.shape[1..];
        long target = sample.Targets[0].item<long>();
        double whole = TargetOutputs.Of(model, sample.Input, target, options, cancellation)[0];
        Tensor sums = zeros(shape, float64), covers = zeros(shape, float64);
        foreach (long[][] part in windows.Chunk(options.MaximumBatch))
        {
            cancellation.ThrowIfCancellationRequested();
            using DisposeScope inner = NewDisposeScope();
            Tensor hidden = Masks(shape, part);
            double[] outputs = TargetOutputs.Of(model, where(hidden.to(sample.Input.device), sample.Absent, sample.Input), target, options, cancellation);
            Tensor losses = tensor(Array.ConvertAll(outputs, value => whole - value)), weights = hidden.to(float64).view(part.Length, -1);
            sums.add_(losses.unsqueeze(0).matmul(weights).view(shape));
            covers.add_(weights.sum([0]).view(shape));
        }

        return (sums / covers).to(float32).to(sample.Input.device).MoveToOuterDisposeScope();
    }

    /// <summary>Corners of all windows, in the dimensions of a sample.</summary>
    private long[][] Windows(long[] shape)
    {
        int whole = shape.Length - options.Window.Count;
        if (whole < 0 || options.Window.Where((size, d) => size > shape[whole + d]).Any())
            throw new ExplainerException($"Occlusion: a window of [{string.Join(", ", options.Window)}] does not fit into samples of [{string.Join(", ", shape)}]; set Window and Strides.");
        IEnumerable<long[]> corners = [new long[whole]];
        for (int d = 0; d < options.Window.Count; d++)
        {
            (long size, long stride, long extent) = (options.Window[d], options.Strides[d], shape[whole + d]);
            long[] starts = [.. Enumerable.Range(0, (int)((extent - size + stride - 1) / stride) + 1).Select(k => k * stride)];
            corners = corners.SelectMany(corner => starts.Select(start => (long[])[.. corner, start]));
        }

        return [.. corners];
    }

    private Tensor Masks(long[] shape, long[][] corners)
    {
        Tensor masks = zeros([corners.Length, .. shape], ScalarType.Bool);
        int whole = shape.Length - options.Window.Count;
        for (int k = 0; k < corners.Length; k++)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor window = masks[k];
            for (int d = whole; d < shape.Length; d++)
                window = window.narrow(d, corners[k][d], Math.Min(options.Window[d - whole], shape[d] - corners[k][d]));
            window.fill_(true);
        }

        return masks;
    }
}
