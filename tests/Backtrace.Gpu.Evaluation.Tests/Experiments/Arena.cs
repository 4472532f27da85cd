using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Evaluation;
using Backtrace.Gpu.Evaluation.Experiments;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Experiments;

/// <summary>A small experiment whose numbers are known: a linear model of four inputs, explained by its own weights and at random.</summary>
internal sealed class Arena : IDisposable
{
    private readonly TorchSharp.Modules.Linear linear = nn.Linear(4, 2, hasBias: false);
    private readonly Features features = Features.Each(4);

    internal Arena(int subjects = 3, string name = "input")
    {
        using (no_grad())
            linear.weight!.copy_(tensor(new float[] { 4, 3, 2, 1, 0, 0, 0, 0 }).view(2, 4));
        Model = new ExplainedModel(linear);
        Subjects =
        [
            .. Enumerable.Range(1, subjects).Select(k => new Subject($"{name} {k}", new Samples(full([1, 4], k, float32), tensor(new long[] { 0 }), zeros(1, 4), features))),
        ];
    }

    internal ExplainedModel Model { get; }

    internal IReadOnlyList<Subject> Subjects { get; }

    /// <summary>Explanations that were asked for so far.</summary>
    internal int Explained { get; private set; }

    internal Settings Settings { get; init; } = new([new("seed", "1"), new("model", "linear")]);

    internal Experiment Experiment(Action<string>? before = null, params string[] methods) => Experiment(before, mayDropOut: false, methods);

    internal Experiment Experiment(Action<string>? before, bool mayDropOut, params string[] methods) => new(
        Model,
        [.. methods.Select(method => new Contestant(method, () => new Scripted(this, method, before), mayDropOut))],
        [Curves(), Gauge.Of(new Sparseness())],
        Subjects)
    { Clock = new Still(), Memory = work => { work(); return 1024; } };

    public void Dispose()
    {
        foreach (Subject subject in Subjects)
            subject.Dispose();
        features.Dispose();
        linear.Dispose();
    }

    private static Gauge Curves()
    {
        MorfAuc morf = new() { Curve = new CurveOptions { Output = ModelOutput.Score } };
        return new Gauge([new Column(morf.Name, morf.Better)], (measurement, cancellation) =>
        {
            PerturbationCurve curve = morf.Curves(measurement, cancellation);
            return new GaugeReading(curve.Areas(isNormalised: true), new Dictionary<string, IReadOnlyList<double>> { ["MoRF"] = curve.Values[0] });
        })
        { Curves = ["MoRF"] };
    }

    private sealed class Scripted(Arena arena, string name, Action<string>? before) : IExplainer
    {
        public string Name => name;

        public Tensor Explain(Samples samples, CancellationToken cancellation = default)
        {
            before?.Invoke(name);
            arena.Explained++;
            return tensor(name == "upside, down" ? [1f, 2, 3, 4] : new float[] { 4, 3, 2, 1 }).view(1, 4) * samples.Input;
        }

        public void Dispose()
        {
        }
    }

    /// <summary>A clock that stands, so that times are equal too.</summary>
    private sealed class Still : TimeProvider
    {
        public override long GetTimestamp() => 0;
    }
}
