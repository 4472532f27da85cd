using System.Runtime.InteropServices;
using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Kernels;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Evaluation.Experiments;

/// <summary>
/// Methods x subjects x metrics. Every method explains every subject alone, and what is measured goes into a <see cref="ResultLog"/>: a run that is
/// interrupted continues where it stopped, and more methods or subjects can be added later: the result holds all methods that the folder has of its subjects.
/// </summary>
/// <param name="model">The explained model.</param>
/// <param name="contestants">The methods.</param>
/// <param name="gauges">What is measured.</param>
/// <param name="subjects">The inputs; they stay the caller's.</param>
public sealed class Experiment(ExplainedModel model, IReadOnlyList<Contestant> contestants, IReadOnlyList<Gauge> gauges, IReadOnlyList<Subject> subjects)
{
    /// <summary>Name of the table in a folder of results.</summary>
    public const string FileName = "results.csv";

    /// <summary>What times are taken with.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Bytes that some work takes at most; NaN where that is not known. The rise of the process's resident set on Linux.</summary>
    public Func<Action, double> Memory { get; init; } = PeakMemory.Of;

    /// <summary>The numbers of each line, in order.</summary>
    public IReadOnlyList<Column> Columns { get; } = [.. gauges.SelectMany(gauge => gauge.Columns)];

    /// <summary>Measures what the folder does not hold yet.</summary>
    /// <param name="folder">Folder for the results.</param>
    /// <param name="settings">What the numbers depend on; a folder takes results of one set only.</param>
    /// <param name="progress">Told before every explanation.</param>
    /// <param name="cancellation">Stops; what is measured by then is kept.</param>
    /// <exception cref="ExperimentException">The folder holds results of other settings, or two methods, columns or subjects share a name.</exception>
    /// <exception cref="ExplainerException">A method cannot explain the model; names it.</exception>
    public ExperimentResult Run(string folder, Settings settings, IProgress<ExperimentProgress>? progress = null, CancellationToken cancellation = default)
    {
        RefuseRepeated("method", contestants.Select(contestant => contestant.Name));
        RefuseRepeated("metric", Columns.Select(column => column.Name));
        RefuseRepeated("subject", Subjects.Select(subject => subject.Name));
        bool isMade = !Directory.Exists(folder), isNew = isMade;
        ResultLog? log = null;
        try
        {
            isNew = settings.Claim(folder);
            log = ResultLog.Open(Path.Combine(folder, FileName), [.. Columns.Select(column => column.Name)], [.. Gauges.SelectMany(gauge => gauge.Curves)]);
            return Measure(log, progress, cancellation);
        }
        catch when (isNew && log?.IsEmpty != false)
        {
            log?.Dispose();
            Leave(folder, isMade);
            throw;
        }
        finally
        {
            log?.Dispose();
        }
    }

    // Settings without results would refuse a run with others.
    private static void Leave(string folder, bool isMade)
    {
        foreach (string file in new[] { FileName, Settings.FileName }.Select(name => Path.Combine(folder, name)).Where(File.Exists))
            File.Delete(file);
        if (isMade && Directory.Exists(folder) && !Directory.EnumerateFileSystemEntries(folder).Any())
            Directory.Delete(folder);
    }

    private ExperimentResult Measure(ResultLog log, IProgress<ExperimentProgress>? progress, CancellationToken cancellation)
    {
        using Stage stage = new(this);
        List<Outcome> outcomes = [];
        List<Contestant> present = [.. contestants];
        Dictionary<string, string> leftOut = [];
        foreach (Subject subject in Subjects)
        {
            foreach (Contestant contestant in present.ToArray())
            {
                cancellation.ThrowIfCancellationRequested();
                progress?.Report(new ExperimentProgress(outcomes.Count, Subjects.Count * present.Count, contestant.Name));
                Outcome? outcome = log.Find(contestant.Name, subject.Name);
                try
                {
                    if (outcome is null)
                        log.Append(outcome = Retried(() => stage.Perform(contestant, subject, cancellation)));
                }
                catch (ExplainerException e) when (contestant.MayDropOut && ReferenceEquals(subject, Subjects[0]))
                {
                    present.Remove(contestant);
                    leftOut.Add(contestant.Name, e.InnerException?.Message ?? e.Message);
                    continue;
                }

                outcomes.Add(outcome);
            }
        }

        // Methods of earlier runs in this folder, where they are measured on all of these subjects.
        ILookup<int, string> measured = log.Methods.Except(contestants.Select(contestant => contestant.Name)).ToLookup(method => Subjects.Count(subject => log.Find(method, subject.Name) is not null));
        string[] earlier = [.. measured[Subjects.Count]];
        foreach (IGrouping<int, string> partly in measured.Where(methods => methods.Key < Subjects.Count))
        {
            foreach (string method in partly)
                leftOut.Add(method, $"an earlier run measured it on {partly.Key} of these {Counted.Of(Subjects.Count, "input")}; name it again to have it measured on all.");
        }

        outcomes.AddRange(earlier.SelectMany(method => Subjects.Select(subject => log.Find(method, subject.Name)!)));
        return new ExperimentResult([.. earlier, .. present.Select(contestant => contestant.Name)], Columns, outcomes) { LeftOut = leftOut };
    }

    // TorchSharp 0.107 frees the numbers that it passes to libtorch (as in a + 2 * b) when they are collected while the operator runs. That is rare, and
    // must not end a job of hours.
    private static Outcome Retried(Func<Outcome> perform)
    {
        try
        {
            return perform();
        }
        catch (ExternalException)
        {
            return perform();
        }
    }

    private static void RefuseRepeated(string what, IEnumerable<string> names)
    {
        if (names.GroupBy(name => name).FirstOrDefault(group => group.Count() > 1) is { } repeated)
            throw new ExperimentException($"There are {repeated.Count()} {what}s called '{repeated.Key}'; every one needs a name of its own.");
    }

    /// <summary>The explainers of a run, each made when it is first needed.</summary>
    private sealed class Stage(Experiment experiment) : IDisposable
    {
        private readonly Dictionary<string, IExplainer> explainers = [];

        internal Outcome Perform(Contestant contestant, Subject subject, CancellationToken cancellation)
        {
            try
            {
                IExplainer explainer = Ready(contestant, subject, cancellation, out double peak);
                long started = experiment.Clock.GetTimestamp();
                using Tensor attributions = explainer.Explain(subject.Samples, cancellation);
                double seconds = experiment.Clock.GetElapsedTime(started).TotalSeconds;
                GaugeReading[] readings = [.. experiment.Gauges.Select(gauge => gauge.Read(new Measurement(experiment.Model, subject.Samples, attributions, explainer), cancellation))];
                Dictionary<string, IReadOnlyList<double>> curves = readings.SelectMany(reading => reading.Curves).ToDictionary(pair => pair.Key, pair => pair.Value);
                return new Outcome(contestant.Name, subject.Name, [.. readings.SelectMany(reading => reading.Values)], curves, seconds, peak);
            }
            catch (Exception e) when (e is ExplainerException or UnsupportedLayerException)
            {
                throw new ExplainerException($"{contestant.Name}, {subject.Name}: {e.Message}", e);
            }
            catch (InvalidModelException e)
            {
                throw new InvalidModelException($"{contestant.Name}, {subject.Name}: {e.Message}", e);
            }
        }

        public void Dispose()
        {
            foreach (IExplainer explainer in explainers.Values)
                explainer.Dispose();
        }

        // The first explanation compiles code; it is not timed. Memory is measured once, on the first subject, with an explainer that holds nothing yet.
        private IExplainer Ready(Contestant contestant, Subject subject, CancellationToken cancellation, out double peak)
        {
            peak = double.NaN;
            if (explainers.TryGetValue(contestant.Name, out IExplainer? ready))
                return ready;
            using (IExplainer first = contestant.Create())
                first.Explain(subject.Samples, cancellation).Dispose();
            IExplainer explainer = contestant.Create();
            explainers.Add(contestant.Name, explainer);
            if (ReferenceEquals(subject, experiment.Subjects[0]))
                peak = experiment.Memory(() => explainer.Explain(subject.Samples, cancellation).Dispose());
            return explainer;
        }
    }

    private ExplainedModel Model { get; } = model;

    private IReadOnlyList<Gauge> Gauges { get; } = gauges;

    private IReadOnlyList<Subject> Subjects { get; } = subjects;
}
