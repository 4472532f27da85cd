using System.Globalization;

namespace Backtrace.Gpu.Perf;

/// <summary>The command line of the benchmarks.</summary>
internal sealed record PerfOptions
{
    private const string Usage = """
        Usage: Backtrace.Gpu.Perf [--quick | --others | --methods | --profile CASE | --contractions] [options]

          (nothing)            all BenchmarkDotNet classes
          --quick              every bar of docs/performance.md in under five minutes
          --others             costs of networks of further kinds, without bars
          --methods            what an explanation costs by each method, on trained models
          --profile CASE       where the time of one explanation goes, e.g. resnet20/32, wide/64, lending/1
          --contractions       the contraction libraries side by side, shape by shape

          --filter TEXT        only what has TEXT in its name
          --json PATH          where --quick writes its summary (artifacts/bench/summary.json)
          --seconds N          time per measurement (3)
          --threads N          threads of libtorch and of the kernels (2)
          --library NAME       Auto, Managed or Torch
          --contrastive        contrastive mode in --profile
          --bf16               bf16 operands in --profile and --contractions
          --processor-time     one thread, its processor time: for busy machines (Linux)
        """;

    public bool Quick { get; init; }

    public bool Others { get; init; }

    public bool Methods { get; init; }

    public bool Contractions { get; init; }

    public string? Profile { get; init; }

    public string Filter { get; init; } = "";

    public string Json { get; init; } = Path.Combine("artifacts", "bench", "summary.json");

    public double Seconds { get; init; } = 3;

    public int Threads { get; init; } = 2;

    public bool BFloat16 { get; init; }

    public bool Contrastive { get; init; }

    public bool ProcessorTime { get; init; }

    public ContractionLibrary Library { get; init; } = ContractionLibrary.Auto;

    public bool Wants(string name) => name.Contains(Filter, StringComparison.OrdinalIgnoreCase);

    /// <summary>The options, or null after a word on what is wrong.</summary>
    public static PerfOptions? Parse(string[] args)
    {
        PerfOptions options = new();
        try
        {
            for (int i = 0; i < args.Length; i++)
            {
                string Next() => ++i < args.Length ? args[i] : throw new FormatException($"{args[i - 1]} needs a value.");
                options = args[i] switch
                {
                    "--quick" => options with { Quick = true },
                    "--others" => options with { Others = true },
                    "--methods" => options with { Methods = true },
                    "--contractions" => options with { Contractions = true },
                    "--processor-time" => options with { ProcessorTime = true, Threads = 1 },
                    "--contrastive" => options with { Contrastive = true },
                    "--bf16" => options with { BFloat16 = true },
                    "--profile" => options with { Profile = Next() },
                    "--filter" => options with { Filter = Next() },
                    "--json" => options with { Json = Next() },
                    "--seconds" => options with { Seconds = double.Parse(Next(), CultureInfo.InvariantCulture) },
                    "--threads" => options with { Threads = int.Parse(Next(), CultureInfo.InvariantCulture) },
                    "--library" => options with { Library = Enum.Parse<ContractionLibrary>(Next(), ignoreCase: true) },
                    _ => throw new FormatException($"{args[i]} is not known."),
                };
            }

            return options;
        }
        catch (Exception e) when (e is FormatException or ArgumentException or OverflowException)
        {
            Console.Error.WriteLine(e.Message);
            Console.Error.WriteLine(Usage);
            return null;
        }
    }
}
