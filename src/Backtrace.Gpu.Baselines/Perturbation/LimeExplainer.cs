using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// LIME (Ribeiro, Singh and Guestrin 2016, arXiv 1602.04938): the coefficients of a linear model that is fitted to the network's outputs for perturbations of a
/// sample, which weigh the less the farther they are. Numbers of perturbations, distances, kernels and the regression are those of the lime package
/// for each kind of input; all features get a coefficient (<see cref="LimeOptions.NumFeatures"/>). Probabilities are explained by default.
/// </summary>
public sealed class LimeExplainer : IExplainer
{
    private readonly ExplainedModel model;
    private readonly LimeOptions options;
    private readonly LimeNeighbourhood neighbourhood;
    private readonly LimeTable? table;
    private readonly int count;

    private LimeExplainer(ExplainedModel model, LimeOptions? options, LimeNeighbourhood neighbourhood, LimeTable? table = null)
    {
        this.model = model;
        this.options = options ?? new();
        this.neighbourhood = neighbourhood;
        this.table = table;
        count = this.options.Samples ?? neighbourhood.Samples;
    }

    /// <inheritdoc/>
    public string Name => $"LIME ({count})";

    /// <summary>
    /// Table rows, as LimeTabularExplainer with discretize_continuous: 5000 perturbations; a number is drawn from the quartile bins of its training column, and the coefficient is
    /// that of being in the sample's bin; Euclidean distance, kernel width 0.75 sqrt(M). Features of several entries (one-hot groups) are lime's categorical
    /// features: they get the values of a random training row. Entries of no feature stay. <see cref="Samples.Absent"/> is not looked at.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="training">Training rows as the model reads them, [R, ...]; read once.</param>
    /// <param name="options">Settings; defaults when null.</param>
    public static LimeExplainer Tabular(ExplainedModel model, Tensor training, LimeOptions? options = null) =>
        new(model, options, LimeNeighbourhood.Table, new LimeTable(training));

    /// <summary>
    /// Table rows without training data: <see cref="Tabular"/>'s kernel and distance, but each feature is replaced by <see cref="Samples.Absent"/> with a chance of one half. Not a
    /// mode of the lime package.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="options">Settings; defaults when null.</param>
    public static LimeExplainer Presence(ExplainedModel model, LimeOptions? options = null) => new(model, options, LimeNeighbourhood.Table);

    /// <summary>
    /// Images, [N, C, H, W], as LimeImageExplainer: 1000 perturbations; each superpixel is hidden with a chance of one half and then shows its mean colour; cosine distance, kernel
    /// width 0.25. Superpixels are <see cref="SlicSuperpixels"/> unless the options say otherwise (lime: quickshift).
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="options">Settings; defaults when null.</param>
    public static LimeExplainer Image(ExplainedModel model, LimeOptions? options = null)
    {
        options ??= new();
        return new(model, options with { Superpixels = options.Superpixels ?? new SlicSuperpixels().Of }, LimeNeighbourhood.Image);
    }

    /// <summary>
    /// Tokens, [N, T], as LimeTextExplainer: 5000 perturbations; a random number of features is taken away; cosine distance times 100, kernel width 25.
    /// Tokens are replaced by <see cref="Samples.Absent"/> where lime removes words, and each feature is one place, where lime by default takes all occurrences of a
    /// word at once: number them alike in <see cref="Features"/> for that.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="options">Settings; defaults when null.</param>
    public static LimeExplainer Text(ExplainedModel model, LimeOptions? options = null) => new(model, options, LimeNeighbourhood.Text);

    /// <inheritdoc/>
    public Tensor Explain(Samples samples, CancellationToken cancellation = default)
    {
        if (neighbourhood == LimeNeighbourhood.Image && samples.Input.shape.Length != 4)
            throw new ExplainerException($"LIME for images needs [N, C, H, W], not [{string.Join(", ", samples.Input.shape)}].");
        if (table is not null && model.TakesTokens)
            throw new ExplainerException("LIME for tables draws numbers from the training rows, which tokens are not: use LimeExplainer.Text.");
        return SampleBySample.Explain(samples, options.Superpixels, sample => Coefficients(sample, new Random(options.Seed), cancellation));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private double[] Coefficients(Samples sample, Random random, CancellationToken cancellation)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor present;
        double[] outputs;
        if (table is not null)
        {
            (Tensor inputs, present) = table.Perturb(sample, count, random);
            outputs = TargetOutputs.Of(model, inputs, sample.Targets[0].item<long>(), options, cancellation);
        }
        else
        {
            int features = sample.Features.Count;
            bool[] drawn = neighbourhood.Draw(features, count, random);
            Array.Fill(drawn, true, 0, features);
            present = tensor(drawn).view(count, features);
            bool hideByMean = neighbourhood == LimeNeighbourhood.Image && options.HideByMean;
            Samples seen = hideByMean ? sample with { Absent = MeanColours(sample) } : sample;
            outputs = new CoalitionGame(model, seen, options, varying: false).Values(present, cancellation);
        }

        return LimeRegression.Fit(present, outputs, neighbourhood.Weights(present, options.KernelWidth), options);
    }

    /// <summary>The image in which each superpixel has the mean of its pixels, channel by channel.</summary>
    private static Tensor MeanColours(Samples sample)
    {
        using DisposeScope scope = NewDisposeScope();
        Features features = sample.Features;
        Tensor means = zeros_like(sample.Input), sizes = features.Sum(ones_like(sample.Input));
        for (long c = 0; c < sample.Input.shape[1]; c++)
        {
            Tensor channel = zeros_like(sample.Input);
            channel.narrow(1, c, 1).fill_(1);
            Tensor mean = features.Sum(sample.Input * channel) / features.Sum(channel).clamp_min(1);
            means = means + features.Spread(mean * sizes) * channel;
        }

        return means.MoveToOuterDisposeScope();
    }
}
