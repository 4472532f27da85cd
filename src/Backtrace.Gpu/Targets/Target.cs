using System.Globalization;
using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels;

namespace Backtrace.Gpu.Targets;

/// <summary>
/// What is explained: where start relevance is put on the model's output, and how much (rules.md, A.4). Immutable; change options with
/// <c>with</c>: <c>Target.Argmax() with { Multiplier = 100 }</c>.
/// </summary>
public abstract record Target
{
    /// <summary>Total start relevance of a sample; null puts the output's own value there.</summary>
    public double? Scaler { get; init; } = 1;

    /// <summary>Factor on everything, applied last. The reference implementations use 100.</summary>
    public double Multiplier { get; init; } = 1;

    /// <summary>Which of the model's outputs is explained.</summary>
    public int Output { get; init; }

    /// <summary>Contrastive mode: what the output's numbers are. Null: probabilities if a softmax or sigmoid made them, else logits.</summary>
    public OutputKind? Kind { get; init; }

    /// <summary>
    /// A copy with other options, for languages that have no <c>with</c>: those that are not given have their defaults, but for <paramref name="kind"/>, which stays.
    /// </summary>
    /// <param name="scaler">As <see cref="Scaler"/>.</param>
    /// <param name="multiplier">As <see cref="Multiplier"/>.</param>
    /// <param name="output">As <see cref="Output"/>.</param>
    /// <param name="kind">As <see cref="Kind"/>.</param>
    public Target With(double? scaler = 1, double multiplier = 1, int output = 0, OutputKind? kind = null) =>
        this with { Scaler = scaler, Multiplier = multiplier, Output = output, Kind = kind ?? Kind };

    /// <summary>The largest output of each sample, [N, C]. Of an output with more axes, the largest of all its entries.</summary>
    public static Target Argmax() => new ClassTarget([]);

    /// <summary>
    /// One output index of [N, C]: the same for every sample, or one per sample. Of an output with more axes it counts all entries of a sample: for a channel of a map or a token of
    /// a text use <see cref="SegmentationClass"/> or <see cref="NextToken"/>.
    /// </summary>
    /// <exception cref="TargetException">No index is given.</exception>
    public static Target Class(params int[] index)
    {
        ArgumentNullException.ThrowIfNull(index);
        return index.Length > 0 ? new ClassTarget(index) : throw new TargetException("Class needs an index: one for all samples or one for each. Argmax takes the largest output of each.");
    }

    /// <summary>A single output per sample, such as the logit of a binary classifier, [N, 1]. <paramref name="signed"/>: a negative decision starts negative relevance.</summary>
    public static Target SingleOutput(bool signed = false) => new SingleOutputTarget(signed);

    /// <summary>The <paramref name="count"/> largest outputs, in equal parts.</summary>
    public static Target TopK(int count) => new TopKTarget(count);

    /// <summary>Every coordinate of a regression or a box, in equal parts, or one of them.</summary>
    public static Target Regression(int? coordinate = null) => new RegressionTarget(coordinate);

    /// <summary>The pixels of a binary segmentation [N, 1, H, W] above <paramref name="threshold"/>, as probability; <paramref name="logits"/> go through the sigmoid first.</summary>
    public static Target Mask(double threshold = 0.5, bool logits = false) =>
        new MaskTarget(threshold, logits) { Kind = logits ? OutputKind.Logits : OutputKind.Probabilities };

    /// <summary>The pixels of a segmentation [N, C, H, W] whose largest channel is <paramref name="channel"/>.</summary>
    public static Target SegmentationClass(int channel) => new SegmentationClassTarget(channel);

    /// <summary>The next token of a language model [N, T, V]: position and token per sample; defaults are the last position and its largest logit.</summary>
    public static Target NextToken(int[]? tokens = null, int[]? positions = null) => new NextTokenTarget(tokens, positions);

    /// <summary>Generated tokens of a sequence model [N, T, V] in equal parts. <paramref name="tokens"/>: [N][T].</summary>
    public static Target Tokens(int[][] tokens)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        return new TokensTarget(tokens);
    }

    /// <summary>Start relevance as given, shaped like the output (or like one sample of it); <see cref="Scaler"/> is ignored.</summary>
    public static Target Custom(float[] relevance)
    {
        ArgumentNullException.ThrowIfNull(relevance);
        return new CustomTarget(relevance, null);
    }

    /// <summary>
    /// Start relevance of both streams of contrastive mode as given, shaped like the output (or like one sample of it);
    /// <see cref="Scaler"/> is ignored. Default mode starts from <paramref name="supporting"/>.
    /// </summary>
    public static Target Custom(float[] supporting, float[] opposing)
    {
        ArgumentNullException.ThrowIfNull(supporting);
        ArgumentNullException.ThrowIfNull(opposing);
        return new CustomTarget(supporting, opposing);
    }

    /// <summary>The call that made it, for people; options that differ from what a target has by itself follow.</summary>
    public sealed override string ToString()
    {
        List<string> options = [];
        if (Scaler != 1)
            options.Add($"Scaler {Scaler?.ToString(CultureInfo.InvariantCulture) ?? "null"}");
        if (Multiplier != 1)
            options.Add($"Multiplier {Multiplier.ToString(CultureInfo.InvariantCulture)}");
        if (Output != 0)
            options.Add($"Output {Output}");
        return options.Count == 0 ? Call : $"{Call} with {string.Join(", ", options)}";
    }

    /// <summary>The call that makes a target of this kind.</summary>
    private protected virtual string Call => GetType().Name;

    /// <summary>Writes the start relevance of all samples. <paramref name="output"/> and <paramref name="seed"/>: [N, ...] flat.</summary>
    /// <exception cref="TargetException">The target does not fit the output.</exception>
    internal void Write(ReadOnlySpan<float> output, ReadOnlySpan<long> shape, Span<float> seed)
    {
        if (shape.Length == 0 || output.Length == 0)
            throw new TargetException($"{this} needs an output with a batch axis and at least one entry, not [{string.Join(", ", shape.ToArray())}].");
        int samples = checked((int)shape[0]);
        int length = output.Length / samples;
        seed.Clear();
        for (int n = 0; n < samples; n++)
            WriteSample(n, samples, output.Slice(n * length, length), shape[1..], seed.Slice(n * length, length));
        Multiply(seed);
        EnsureFinite(seed);
    }

    /// <summary>
    /// Writes the start relevance of both streams: <paramref name="positive"/> on the target, <paramref name="negative"/> on what it stands
    /// against, in equal totals where <see cref="Scaler"/> is given.
    /// </summary>
    /// <exception cref="TargetException">The target does not fit the output.</exception>
    internal void WriteContrastive(ReadOnlySpan<float> output, ReadOnlySpan<long> shape, OutputKind kind, Span<float> positive, Span<float> negative)
    {
        if (shape.Length == 0 || output.Length == 0)
            throw new TargetException($"{this} needs an output with a batch axis and at least one entry, not [{string.Join(", ", shape.ToArray())}].");
        int samples = checked((int)shape[0]);
        int length = output.Length / samples;
        positive.Clear();
        negative.Clear();
        float[] values = [];
        double[] logarithms = [];
        for (int n = 0; n < samples; n++)
        {
            (int first, int count) = Part(n, samples, shape[1..]);
            int begin = (n * length) + first;
            if (values.Length < count)
                values = new float[count];
            Span<float> part = values.AsSpan(0, count);
            output.Slice(begin, count).CopyTo(part);
            Target settled = this;
            bool isOfLogits = HasProbabilities && (Kind ?? kind) == OutputKind.Logits;
            if (isOfLogits)
            {
                if (logarithms.Length < count)
                    logarithms = new double[count];
                ToProbabilities(part, logarithms.AsSpan(0, count), shape[1..]);
                settled = Settled(output.Slice(begin, count), part);
            }

            Span<float> supporting = positive.Slice(begin, count), opposing = negative.Slice(begin, count);
            settled.WriteContrastiveSample(n, samples, part, shape[1..], supporting, opposing);
            if (isOfLogits && OpposingTotal(supporting) is { } total)
                ShareByLogarithms(logarithms, supporting, opposing, total);
        }

        Multiply(positive);
        Multiply(negative);
        EnsureFinite(positive);
        EnsureFinite(negative);
    }

    /// <summary>Writes both streams of the part of sample <paramref name="n"/>; both are zero. <paramref name="values"/>: probabilities, or what takes their place.</summary>
    private protected virtual void WriteContrastiveSample(int n, int samples, ReadOnlySpan<float> values, ReadOnlySpan<long> shape, Span<float> positive, Span<float> negative)
    {
        // With a scaler, what is targeted is not zero, whatever its value.
        (Scaler == 1 ? this : this with { Scaler = 1 }).WritePart(n, samples, values, shape, negative);
        for (int k = 0; k < values.Length; k++)
            negative[k] = negative[k] == 0 ? Math.Max(values[k], 0) : 0;
        WritePart(n, samples, values, shape, positive);
        if (OpposingTotal(positive) is { } total)
            Normalise(negative, total);
    }

    /// <summary>What the opposing stream of a sample is scaled to; null leaves it as it is.</summary>
    private protected virtual double? OpposingTotal(ReadOnlySpan<float> positive) => Scaler;

    // Of a confident model, all probabilities but one may be too small for fp32. Their shares are not.
    private static void ShareByLogarithms(ReadOnlySpan<double> logarithms, ReadOnlySpan<float> positive, Span<float> negative, double total)
    {
        double largest = double.NegativeInfinity;
        for (int k = 0; k < negative.Length; k++)
            largest = positive[k] == 0 ? Math.Max(largest, logarithms[k]) : largest;
        if (!double.IsFinite(largest))
            return;
        for (int k = 0; k < negative.Length; k++)
            negative[k] = positive[k] == 0 ? (float)Math.Exp(logarithms[k] - largest) : 0;
        Normalise(negative, total);
    }

    /// <summary>The entries of a sample that streams start from: all of them.</summary>
    private protected virtual (int First, int Count) Part(int n, int samples, ReadOnlySpan<long> shape) => (0, checked((int)Kernels.Execution.DeviceTensor.Count(shape)));

    /// <summary>As <see cref="WriteSample"/>, of the entries of <see cref="Part"/>.</summary>
    private protected virtual void WritePart(int n, int samples, ReadOnlySpan<float> output, ReadOnlySpan<long> shape, Span<float> seed) => WriteSample(n, samples, output, shape, seed);

    /// <summary>A target that chooses by probabilities as this one does by logits, both of the part of a sample: logits that differ may have equal probabilities.</summary>
    private protected virtual Target Settled(ReadOnlySpan<float> logits, ReadOnlySpan<float> probabilities) => this;

    /// <summary>The largest of the logits, if that of the probabilities is another one: they tie. Nearly always null.</summary>
    private protected static int? LargestBeforeTies(ReadOnlySpan<float> logits, ReadOnlySpan<float> probabilities) =>
        LargestOf(logits) is var largest && largest != LargestOf(probabilities) ? largest : null;

    /// <summary>False if the output's numbers are no probabilities, nor their logits.</summary>
    private protected virtual bool HasProbabilities => true;

    /// <summary>Turns the logits of the part of a sample into logarithms of probabilities: the softmax over all of them.</summary>
    private protected virtual void ToLogarithms(Span<double> logits, ReadOnlySpan<long> shape) => Logarithms.OfSoftmax(logits, 0, 1, logits.Length);

    private void ToProbabilities(Span<float> values, Span<double> logarithms, ReadOnlySpan<long> shape)
    {
        for (int k = 0; k < values.Length; k++)
            logarithms[k] = values[k];
        ToLogarithms(logarithms, shape);
        for (int k = 0; k < values.Length; k++)
            values[k] = (float)Math.Exp(logarithms[k]);
    }

    /// <summary>Scales relevance to a total, if there is any.</summary>
    private protected static void Normalise(Span<float> relevance, double total)
    {
        double sum = 0;
        foreach (float value in relevance)
            sum += value;
        foreach (ref float value in relevance)
            value = sum > 0 ? (float)(value * total / sum) : value;
    }

    private void Multiply(Span<float> seed)
    {
        if (Multiplier == 1)
            return;
        foreach (ref float value in seed)
            value *= (float)Multiplier;
    }

    private void EnsureFinite(ReadOnlySpan<float> seed)
    {
        if (!Finite.IsFinite(seed))
            throw new TargetException($"The start relevance of {this} is NaN or infinite: give finite numbers whose products fp32 can hold (3.4E+38).");
    }

    /// <summary>Writes the start relevance of sample <paramref name="n"/>; <paramref name="seed"/> is zero. <paramref name="shape"/>: without the batch axis.</summary>
    protected abstract void WriteSample(int n, int samples, ReadOnlySpan<float> output, ReadOnlySpan<long> shape, Span<float> seed);

    /// <summary>First of the largest values.</summary>
    protected static int LargestOf(ReadOnlySpan<float> values)
    {
        int best = 0;
        for (int k = 1; k < values.Length; k++)
        {
            if (values[k] > values[best])
                best = k;
        }

        return best;
    }

    /// <summary>Start relevance of one unit: the scaler, or the unit's own value.</summary>
    protected float ScalerOr(float value) => Scaler is { } scaler ? (float)scaler : value;

    /// <summary>Checks an index against the output.</summary>
    protected static int Checked(int index, int count, string what) =>
        index >= 0 && index < count ? index : throw new TargetException($"{what} {index} is out of range: the output has {count} (0 to {count - 1}).");

    /// <summary>One entry for all samples, or one per sample.</summary>
    private protected static int PerSample(int[] values, int n, int samples, string what) =>
        values.Length == 1 ? values[0]
        : values.Length == samples ? values[n]
        : throw new TargetException($"{values.Length} {what} were given for {Counted.Of(samples, "sample")}: give one for all or one for each.");
}
