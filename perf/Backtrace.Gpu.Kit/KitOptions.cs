using System.Globalization;
using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kit;

/// <summary>The command line of the kit.</summary>
internal sealed record KitOptions
{
    private const string Usage = """
        Usage: gpu-kit [options]

          --device ID        cpu, opencl:0, cuda:0; the first usable of NVIDIA GPUs, OpenCL devices, processor
          --tokens N,N,...   lengths of the attentions (2048,8192 on CUDA, else 512,1024)
          --python PATH      the Python whose PyTorch is measured beside (python3)
          --json PATH        writes the figures
          --fixtures FOLDER  golden cases (beside the program)
          --only NAME,...    golden, speed, attention, own-context, primary-context
        """;

    public string Device { get; init; } = "";

    public IReadOnlyList<int> Tokens { get; init; } = [];

    public string Python { get; init; } = "python3";

    public string? Json { get; init; }

    public string Fixtures { get; init; } = Path.Combine(AppContext.BaseDirectory, "fixtures");

    public IReadOnlyList<string> Only { get; init; } = Kit.Part.Names;

    /// <summary>The one part that this process measures; null in the process that starts the others.</summary>
    public string? Part { get; init; }

    public bool IsCuda => Device.StartsWith("cuda", StringComparison.OrdinalIgnoreCase);

    /// <summary>The options, or null after a word on what is wrong.</summary>
    public static KitOptions? Parse(string[] args)
    {
        KitOptions options = new();
        try
        {
            for (int i = 0; i < args.Length; i += 2)
            {
                string value = i + 1 < args.Length ? args[i + 1] : throw new FormatException($"{args[i]} needs a value.");
                options = args[i] switch
                {
                    "--device" => options with { Device = value is "cuda" or "opencl" ? value + ":0" : value },
                    "--tokens" => options with { Tokens = [.. value.Split(',').Select(t => int.Parse(t, CultureInfo.InvariantCulture))] },
                    "--python" => options with { Python = value },
                    "--json" => options with { Json = value },
                    "--fixtures" => options with { Fixtures = value },
                    "--only" => options with { Only = [.. value.Split(',').Select(part => Kit.Part.Names.Contains(part) ? part : throw new FormatException($"There is no part {part}."))] },
                    "--part" => options with { Part = value },
                    _ => throw new FormatException($"{args[i]} is not known."),
                };
            }

            if (options.Device.Length == 0)
                options = options with { Device = DeviceList.All.First(d => d.Obstacle == null).Id };
            return options.Tokens.Count > 0 ? options : options with { Tokens = options.IsCuda ? [2048, 8192] : [512, 1024] };
        }
        catch (Exception e) when (e is FormatException or OverflowException)
        {
            Console.Error.WriteLine(e.Message);
            Console.Error.WriteLine(Usage);
            return null;
        }
    }

    /// <summary>The command line of a process for one part.</summary>
    public string[] ForPart(string part, string json) =>
        ["--part", part, "--device", Device, "--tokens", string.Join(',', Tokens), "--python", Python, "--fixtures", Fixtures, "--json", json];
}
