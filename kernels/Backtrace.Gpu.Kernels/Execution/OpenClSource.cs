using System.Text.RegularExpressions;

namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>
/// Repairs the OpenCL C that ILGPU writes for raw pointers: it declares <c>pointer + offset</c> as an integer and then dereferences
/// that. The result of such an addition gets the type of its pointer,
/// and stays a pointer on the way, so that compilers see which accesses are neighbours. As in PTX (<see cref="PtxSource"/>), products are rounded
/// before they are added, but in kernels of groups.
/// </summary>
internal static partial class OpenClSource
{
    public static string Repair(string source)
    {
        string[] lines = source.Split('\n');
        Dictionary<string, string> spaceOfPointer = [];
        Dictionary<string, (string Type, int Line)> declared = [];
        for (int k = 0; k < lines.Length; k++)
        {
            if (PointerType().Match(lines[k]) is { Success: true } type)
            {
                spaceOfPointer[type.Groups[2].Value] = type.Groups[1].Value;
            }
            else if (Declaration().Match(lines[k]) is { Success: true } declaration)
            {
                declared[declaration.Groups[2].Value] = (declaration.Groups[1].Value, k);
            }
            else if (Addition().Match(lines[k]) is { Success: true } sum && declared.TryGetValue(sum.Groups[2].Value, out var left) && spaceOfPointer.TryGetValue(left.Type, out string? space))
            {
                string result = sum.Groups[1].Value;
                int line = declared[result].Line;
                declared[result] = (left.Type, line);
                lines[line] = $"\t{left.Type} {result};";
                lines[k] = $"\t{result} = ({left.Type})(({space} char*){sum.Groups[2].Value} {sum.Groups[3].Value} (long){sum.Groups[4].Value});";
            }
        }

        string repaired = string.Join('\n', lines);
        return repaired.Contains($"kernel void Kernel_{nameof(Drivers.Groups)}(", StringComparison.Ordinal) ? repaired : "#pragma OPENCL FP_CONTRACT OFF\n" + repaired;
    }

    [GeneratedRegex(@"^typedef (global|local|private|__generic) (?!void)\w+(?: \w+)?\* (\w+);")]
    private static partial Regex PointerType();

    [GeneratedRegex(@"^\t((?:struct )?\w+) (var\d+);")]
    private static partial Regex Declaration();

    [GeneratedRegex(@"^\t(var\d+) = \(long\)\(\(long\) (var\d+) ([+-]) +\(long\)(var\d+)\);")]
    private static partial Regex Addition();
}
