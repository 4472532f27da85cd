using System.Globalization;
using System.Text.RegularExpressions;

namespace Backtrace.Gpu.Tests.Ptx;

/// <summary>Reads PTX as ILGPU writes it: one kernel, a statement per line, no functions. What it does not know, it refuses.</summary>
internal sealed partial class PtxParser
{
    // Shared arrays start beyond zero and apart, so that an address that is off meets none.
    private const int SharedGap = 256;

    private readonly string[] lines;
    private readonly Dictionary<string, int> slots = [];
    private readonly List<ulong> registers = [];
    private readonly Dictionary<string, int> parameters = [];
    private readonly Dictionary<string, int> labels = [];
    private readonly List<PtxSharedArray> arrays = [];
    private readonly List<PtxInstruction> instructions = [];
    private readonly List<(int Instruction, string Label)> branches = [];
    private int parameterBytes;
    private int line;

    private PtxParser(string text)
    {
        lines = text.Split('\n');
        foreach (string name in PtxProgram.Special)
            AddSlot(name, PtxProgram.Unwritten);
    }

    internal static PtxProgram Parse(string text) => new PtxParser(text).Read();

    private PtxProgram Read()
    {
        string name = "";
        for (line = 1; line <= lines.Length; line++)
        {
            string statement = Comment().Replace(lines[line - 1], "").Trim();
            if (Entry().Match(statement) is { Success: true } entry)
                name = name.Length == 0 ? entry.Groups[1].Value : throw Fault("a second kernel");
            else if (Parameter().Match(statement) is { Success: true } parameter)
                AddParameter(parameter);
            else if (SharedArray().Match(statement) is { Success: true } array)
                AddArray(array);
            else if (Label().Match(statement) is { Success: true } label)
                labels.Add(label.Groups[1].Value, instructions.Count);
            else if (Instruction().Match(statement) is { Success: true } instruction)
                Decode(instruction);
            else if (!Ignored().IsMatch(statement))
                throw Fault("not understood");
        }

        PtxInstruction[] code = [.. instructions];
        foreach ((int at, string label) in branches)
            code[at].D = labels.TryGetValue(label, out int target) ? target : throw Fault($"no label {label}");
        return new PtxProgram
        {
            Name = name,
            Lines = lines,
            Instructions = code,
            Registers = [.. registers],
            SharedArrays = [.. arrays],
            ParameterBytes = parameterBytes,
        };
    }

    private void AddParameter(Match match)
    {
        int bytes = int.Parse(match.Groups["bits"].Value, CultureInfo.InvariantCulture) / 8;
        int align = match.Groups["align"].Success ? int.Parse(match.Groups["align"].Value, CultureInfo.InvariantCulture) : bytes;
        parameterBytes = Align(parameterBytes, align);
        parameters.Add(match.Groups["name"].Value, parameterBytes);
        parameterBytes += match.Groups["count"].Success ? bytes * int.Parse(match.Groups["count"].Value, CultureInfo.InvariantCulture) : bytes;
    }

    private void AddArray(Match match)
    {
        int end = arrays.Count == 0 ? 0 : arrays[^1].Address + arrays[^1].Bytes;
        int address = Align(end + SharedGap, int.Parse(match.Groups["align"].Value, CultureInfo.InvariantCulture));
        arrays.Add(new PtxSharedArray(match.Groups["name"].Value, address, int.Parse(match.Groups["bytes"].Value, CultureInfo.InvariantCulture)));
        AddSlot(match.Groups["name"].Value, (ulong)address);
    }

    private void Decode(Match match)
    {
        PtxInstruction i = new() { Operation = PtxOperations.Of(match.Groups["name"].Value, line), Line = line };
        string[] operands = Operand().Matches(match.Groups["operands"].Value).Select(m => m.Value).ToArray();
        switch (i.Operation)
        {
            case PtxOperation.Branch:
                branches.Add((instructions.Count, Expect(operands, 1)[0]));
                if (match.Groups["condition"].Success)
                {
                    i.Operation = match.Groups["not"].Length > 0 ? PtxOperation.BranchUnless : PtxOperation.BranchIf;
                    i.A = Slot(match.Groups["condition"].Value);
                }

                instructions.Add(i);
                return;
            case PtxOperation.Barrier:
                if (Expect(operands, 1)[0] != "0")
                    throw Fault("a barrier other than 0");
                break;
            case PtxOperation.Return:
                Expect(operands, 0);
                break;
            case PtxOperation.LoadParameter8 or PtxOperation.LoadParameter32 or PtxOperation.LoadParameter64:
                (string name, int offset) = Address(Expect(operands, 2)[1]);
                i.D = Slot(operands[0]);
                i.Offset = offset + (parameters.TryGetValue(name, out int start) ? start : throw Fault($"no parameter {name}"));
                break;
            case PtxOperation.LoadGlobal or PtxOperation.LoadShared:
                i.D = Slot(Expect(operands, 2)[0]);
                Reach(ref i, operands[1]);
                break;
            case PtxOperation.StoreGlobal or PtxOperation.StoreShared:
                i.D = Slot(Expect(operands, 2)[1]);
                Reach(ref i, operands[0]);
                break;
            case PtxOperation.LoadSharedVector:
                (i.D, i.B, i.C, i.E) = (Slot(Expect(operands, 5)[0]), Slot(operands[1]), Slot(operands[2]), Slot(operands[3]));
                Reach(ref i, operands[4]);
                break;
            case PtxOperation.StoreSharedVector:
                (i.D, i.B, i.C, i.E) = (Slot(Expect(operands, 5)[1]), Slot(operands[2]), Slot(operands[3]), Slot(operands[4]));
                Reach(ref i, operands[0]);
                break;
            default:
                i.D = Slot(operands[0]);
                i.A = Slot(operands[1]);
                i.B = operands.Length > 2 ? Slot(operands[2]) : 0;
                i.C = operands.Length > 3 ? Slot(operands[3]) : 0;
                break;
        }

        if (match.Groups["condition"].Success)
            throw Fault("a condition on anything but a branch");
        instructions.Add(i);
    }

    private void Reach(ref PtxInstruction i, string operand)
    {
        (string name, i.Offset) = Address(operand);
        i.A = Slot(name);
    }

    private static (string Name, int Offset) Address(string operand)
    {
        string[] parts = operand.Trim('[', ']').Split('+');
        return (parts[0], parts.Length > 1 ? int.Parse(parts[1], CultureInfo.InvariantCulture) : 0);
    }

    private int Slot(string operand)
    {
        if (slots.TryGetValue(operand, out int slot))
            return slot;
        if (Register().IsMatch(operand))
            return AddSlot(operand, PtxProgram.Unwritten);
        if (operand.StartsWith("0f", StringComparison.Ordinal))
            return AddSlot(operand, uint.Parse(operand.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture));

        // No signs: a negative constant would have to know how wide it is.
        return ulong.TryParse(operand, NumberStyles.None, CultureInfo.InvariantCulture, out ulong number) ? AddSlot(operand, number) : throw Fault($"{operand} is unknown");
    }

    private int AddSlot(string name, ulong value)
    {
        slots.Add(name, registers.Count);
        registers.Add(value);
        return registers.Count - 1;
    }

    private string[] Expect(string[] operands, int count) =>
        operands.Length == count ? operands : throw Fault($"{operands.Length} operands instead of {count}");

    private PtxFault Fault(string what) => new($"line {line}, '{(line <= lines.Length ? lines[line - 1].Trim() : "")}': {what}") { Line = line };

    private static int Align(int offset, int to) => (offset + to - 1) / to * to;

    [GeneratedRegex("//.*")]
    private static partial Regex Comment();

    [GeneratedRegex(@"^\.visible \.entry (\w+)\($")]
    private static partial Regex Entry();

    [GeneratedRegex(@"^\.param(?: \.align (?<align>\d+))? \.[bfsu](?<bits>\d+) (?<name>\w+)(?:\[(?<count>\d+)\])?,?$")]
    private static partial Regex Parameter();

    [GeneratedRegex(@"^\.shared \.align (?<align>\d+) \.b8 (?<name>\w+)\[(?<bytes>\d+)\];$")]
    private static partial Regex SharedArray();

    [GeneratedRegex(@"^(\w+):$")]
    private static partial Regex Label();

    [GeneratedRegex(@"^(?:@(?<not>!?)(?<condition>%p\d+)\s+)?(?<name>[a-z][\w.]*)(?:\s+(?<operands>.*))?;$")]
    private static partial Regex Instruction();

    [GeneratedRegex(@"\[[^\]]*\]|[^\s,{}]+")]
    private static partial Regex Operand();

    [GeneratedRegex(@"^%(p|r|rd|rs|f)\d+$")]
    private static partial Regex Register();

    [GeneratedRegex(@"^(|[(){}]|\.(version|target|address_size) .*|\.reg .*;)$")]
    private static partial Regex Ignored();
}
