using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Cli.Commands;

/// <summary>`backtrace devices`: what an explanation can run on.</summary>
internal static class DevicesCommand
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    internal static Command Create()
    {
        Option<bool> json = new("--json") { Description = "Print JSON for programs." };
        Command command = new("devices", "List the devices with memory and measured copy bandwidth.") { json };
        command.SetAction((parsed, cancellation) =>
        {
            Row[] rows = [.. DeviceList.All.Select(info => Measure(info, cancellation))];
            TextWriter output = parsed.InvocationConfiguration.Output;
            if (parsed.GetValue(json))
                output.WriteLine(JsonSerializer.Serialize(rows, Json));
            else
                Print(output, rows);
            return Task.FromResult(ExitCodes.Ok);
        });
        return command;
    }

    private static Row Measure(DeviceInfo info, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        if (info.Obstacle != null)
            return new Row(info.Id, info.Name, info.MemoryBytes, null, null, info.Obstacle);
        try
        {
            using Device device = Device.Parse(info.Id);
            string? products = info.Kind == DeviceKind.Cuda ? CuBlasContraction.Describe(device) : null;
            return new Row(info.Id, info.Name, info.MemoryBytes, Math.Round(DeviceList.MeasureCopyBandwidth(device), 1), products, null);
        }
        catch (DeviceException e)
        {
            return new Row(info.Id, info.Name, info.MemoryBytes, null, null, e.Message);
        }
    }

    private static void Print(TextWriter output, Row[] rows)
    {
        int width = rows.Max(r => r.Name.Length);
        output.WriteLine($"{"device",-10}  {"name".PadRight(width)}  {"memory",10}  {"copy",11}");
        foreach (Row row in rows)
        {
            string memory = string.Create(CultureInfo.InvariantCulture, $"{row.MemoryBytes / 1e9:F1} GB");
            string copy = row.CopyGigabytesPerSecond is { } speed ? string.Create(CultureInfo.InvariantCulture, $"{speed:F1} GB/s") : "-";
            string note = row.Obstacle ?? (row.Products == null ? "" : $"products by {row.Products}");
            output.WriteLine($"{row.Id,-10}  {row.Name.PadRight(width)}  {memory,10}  {copy,11}  {note}".TrimEnd());
        }
    }

    private sealed record Row(string Id, string Name, long MemoryBytes, double? CopyGigabytesPerSecond, string? Products, string? Obstacle);
}
