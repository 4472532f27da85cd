using System.Globalization;
using Backtrace.Gpu.Cli.Pictures;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Models.Training;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Explains all inputs of a request in batches and saves each batch's explanation.</summary>
internal static class ExplainRun
{
    // Up to so many weights, reading a row and writing its relevance take longer than explaining it.
    private const long FewWeights = 100_000;

    private const string Explaining = "explaining";

    /// <summary>Runs it. The result holds the inputs' memory until its samples are disposed.</summary>
    /// <param name="request">What to do.</param>
    /// <param name="folder">Receives the explanations.</param>
    /// <param name="warn">Called with each thing that a person should know.</param>
    /// <param name="progress">Told what is done.</param>
    /// <param name="cancellation">Stops between batches and layers.</param>
    /// <exception cref="UsageException">Options contradict each other.</exception>
    internal static ExplainResult Run(ExplainRequest request, ResultFolder folder, Action<string> warn, RunProgress progress, CancellationToken cancellation)
    {
        if (request.IsFaithful && request.Mode == Mode.Contrastive)
            throw new UsageException("--rules faithful tells support from opposition by the sign; it has no contrastive mode.");
        progress("loading the model", 0, 0);
        ModelPackage package = request.Load();
        Explainer? explainer = null;
        Samples? samples = null;
        List<string> skipped = [];
        try
        {
            if (package.Description.Architecture.IsRegression && request.Mode == Mode.Contrastive)
                throw new UsageException($"--mode contrastive sets an answer against its alternatives; {package.Name} returns values, which have none.");
            BacktracerOptions options = request.OptionsFor(package) with { Layers = IsAll(request.Layers) ? [] : request.Layers };
            IReadOnlyList<TargetChoice> targets = package.Module is LanguageModel
                ? TargetList.ParseTokens(request.Targets, package.PromptTokenizer!)
                : TargetList.Parse(request.Targets, package.Description.Classes);
            if (package.Description.Architecture is UNetArchitecture && targets.Any(target => target.Rank > 0))
                throw new UsageException($"--target: top:N ranks the answers to one question; {package.Name} answers for each pixel. Name its classes: {string.Join(", ", package.Description.Classes)}.");
            samples = InputReader.Read(request, package, warn, request.SkipBad ? Skip : null, progress, cancellation);
            EnsureCountable(samples.Count, targets.Count);
            samples.Prepare(0);
            using ThreadCount threads = new(Threads(package, samples));
            explainer = new Explainer(package, request.Device, options);
            if (IsAll(request.Layers))
                explainer.KeepAllLayers(samples);
            folder.Open();
            return ExplainAll(explainer, samples, targets, request, folder, progress, cancellation) with { Skipped = skipped };
        }
        catch
        {
            foreach (string text in (samples as PromptSamples)?.Unexplained(folder.Kept?.Done ?? 0) ?? [])
                warn(text);
            samples?.Dispose();
            throw;
        }
        finally
        {
            if (explainer is null)
                package.Dispose();
            explainer?.Dispose();
        }

        void Skip(string message)
        {
            skipped.Add(message);
            warn("skipped: " + message);
        }
    }

    /// <summary>Each input is explained for each target, and explanations are counted by an int.</summary>
    /// <exception cref="UsageException">There are too many.</exception>
    internal static void EnsureCountable(int inputs, int targets)
    {
        if ((long)inputs * targets > Array.MaxLength)
            throw new UsageException($"{Numbers.Count(inputs)} inputs times {Numbers.Count(targets)} targets are more explanations than one run can count ({Numbers.Count(Array.MaxLength)}): explain fewer inputs or name fewer targets.");
    }

    /// <summary>How passes are numbered in names of files, so that names sort as passes do: 0001 to 9999, 00001 where there are more.</summary>
    internal static string Digits(Samples samples, int most) => new('0', Math.Max(4, samples.Passes(most).ToString(CultureInfo.InvariantCulture).Length));

    // libtorch's threads wait by spinning: a small network leaves the cores to those that read and write.
    private static int Threads(ModelPackage package, Samples samples) =>
        samples.OtherThreads == 0 || package.Module.parameters().Sum(p => p.numel()) > FewWeights
            ? get_num_threads()
            : Math.Clamp(Environment.ProcessorCount - samples.OtherThreads, 1, get_num_threads());

    private static ExplainResult ExplainAll(Explainer explainer, Samples samples, IReadOnlyList<TargetChoice> targets, ExplainRequest request, ResultFolder folder, RunProgress progress, CancellationToken cancellation)
    {
        // Each target has relevance of its own at every layer.
        int most = request.Batch > 0 ? request.Batch : Math.Max(1, samples.UsualBatch / targets.Count), done = 0, all = samples.Count * targets.Count;
        ModelDescription model = explainer.Package.Description;
        string digits = Digits(samples, most);
        Report? report = Report.For(samples, model, folder, request.Json);
        Explained[] kept = new Explained[report is null ? all : Math.Min(all, Report.Kept)];
        List<BatchFacts> batches = [];
        Totals totals = new();
        // What stands in the folder now goes with the run, not with a pass.
        folder.TakeNew();
        using FinishedPasses finished = new(samples, model, folder);
        try
        {
            progress(Explaining, 0, samples.Count);
            while (done < samples.Count)
            {
                samples.Prepare(done);
                int first = done, count = samples.Together(done, most);
                explainer.Progress = share => progress(Explaining, first + share * count, samples.Count);
                IReadOnlyList<(Explanation Explanation, Explained[] Found)> pass = Pass(first, count);
                try
                {
                    foreach ((Explanation explanation, Explained[] found) in pass)
                        Keep(explanation, found, pass.Count);
                    Explained[] inOrder = [.. pass.SelectMany(part => part.Found).OrderBy(e => e.Input)];
                    report?.Add(inOrder);
                    finished.Add(inOrder, done + count);
                }
                finally
                {
                    foreach ((Explanation explanation, _) in pass)
                        explanation.Dispose();
                }

                done += count;
                progress(Explaining, done, samples.Count);
            }

            finished.End();
            Array.Resize(ref kept, Math.Min(kept.Length, samples.Count * targets.Count));
        }
        catch
        {
            finished.Abandon();
            report?.Dispose();
            throw;
        }

        return new ExplainResult(model, explainer.Package.Name, samples, kept, totals, batches) { Report = report, IsFaithful = request.IsFaithful, IsHalf = request.Weights == ScalarType.BFloat16, Activities = explainer.Activities };

        // The engine counts within a pass, people in their files.
        IReadOnlyList<(Explanation, Explained[])> Pass(int first, int count)
        {
            try
            {
                return explainer.Explain(samples, first, count, targets, cancellation);
            }
            catch (InvalidModelException e) when (count == 1 || e.Sample is not null)
            {
                string name = samples.Name(samples.Input(first + (int)(e.Sample ?? 0)));
                throw new InvalidModelException($"{name}{(e.Sample is { } sample ? $" (sample {sample} of its pass)" : "")}: {e.Message}", e);
            }
        }

        void Keep(Explanation explanation, Explained[] found, int together)
        {
            CheckLayers(request.Layers, explanation);
            // Explanations of a sample, or of a pass, stand in the order of the targets.
            int target = batches.Count % targets.Count, number = batches.Count / targets.Count + 1;
            string file = $"relevance{(found.Length == samples.Count ? "" : $"-{number.ToString(digits, CultureInfo.InvariantCulture)}")}{targets[target].Suffix}.safetensors";
            samples.Save(explanation, found[0].Input, folder.Add(file));
            batches.Add(BatchFacts.Of(explanation, file, together));
            for (int k = 0; k < found.Length; k++)
            {
                Explained e = found[k];
                found[k] = e with { File = file, Flow = samples.Shown(e.Flow), Opposing = e.Opposing is null ? null : samples.Shown(e.Opposing) };
                totals.Add(found[k]);
                int place = e.Input * targets.Count + target;
                if (place < kept.Length)
                    kept[place] = (place < LayerReport.Shown ? found[k] : found[k].WithoutLayers()) with { Name = samples.Name(e.Input) };
            }
        }
    }

    private static bool IsAll(IReadOnlyList<string> layers) => layers is [var name] && string.Equals(name, "all", StringComparison.OrdinalIgnoreCase);

    private static void CheckLayers(IReadOnlyList<string> wanted, Explanation explanation)
    {
        RelevanceStream stream = explanation.Streams[0];
        if (IsAll(wanted))
            return;
        string[] missing = [.. wanted.Where(layer => !stream.Layers.ContainsKey(layer))];
        if (missing.Length > 0)
            throw new UsageException($"--layers: relevance passed no {string.Join(", ", missing)}. Layers of this model: {string.Join(", ", stream.Ledger.Lines.Select(line => line.Node).Reverse())}.");
    }
}
