namespace Backtrace.Gpu.Tests.Ptx;

/// <summary>
/// Makes one instruction, rounded once, of a product and the sum that alone takes it, where both stand in one block: CUDA's driver may, and does unless it is forbidden to.
/// </summary>
internal static class PtxContraction
{
    internal static PtxProgram Contract(PtxProgram program)
    {
        PtxInstruction[] code = [.. program.Instructions];
        int[] reads = new int[program.Registers.Length], writes = new int[program.Registers.Length];
        HashSet<int> starts = [];
        foreach (PtxInstruction i in code)
        {
            foreach (int slot in Sources(i))
                reads[slot]++;
            foreach (int slot in Results(i))
                writes[slot]++;
            if (IsBranch(i))
                starts.Add(i.D);
        }

        for (int k = 0; k < code.Length; k++)
        {
            if (code[k].Operation == PtxOperation.MultiplyFloat && reads[code[k].D] == 1 && writes[code[k].D] == 1 && User(code, k, starts) is { } user)
                (code[k], code[user]) = (Nothing(code[k]), Contracted(code[k], code[user]));
        }

        return program.With(code);
    }

    // The sum that takes the product, if nothing on the way changes what the product is of.
    private static int? User(PtxInstruction[] code, int product, HashSet<int> starts)
    {
        PtxInstruction p = code[product];
        for (int k = product + 1; k < code.Length && !starts.Contains(k) && !EndsBlock(code[k]); k++)
        {
            if (Sources(code[k]).Contains(p.D))
                return code[k].Operation is PtxOperation.AddFloat or PtxOperation.SubtractFloat ? k : null;
            if (Results(code[k]).Any(r => r == p.A || r == p.B))
                return null;
        }

        return null;
    }

    private static PtxInstruction Contracted(PtxInstruction product, PtxInstruction sum) => sum with
    {
        Operation = sum.Operation == PtxOperation.AddFloat ? PtxOperation.MultiplyAdd
            : sum.A == product.D ? PtxOperation.MultiplySubtract : PtxOperation.SubtractProduct,
        A = product.A,
        B = product.B,
        C = sum.A == product.D ? sum.B : sum.A,
    };

    private static PtxInstruction Nothing(PtxInstruction i) => i with { Operation = PtxOperation.Move, D = i.A };

    private static bool IsBranch(PtxInstruction i) => i.Operation is PtxOperation.Branch or PtxOperation.BranchIf or PtxOperation.BranchUnless;

    private static bool EndsBlock(PtxInstruction i) => IsBranch(i) || i.Operation is PtxOperation.Barrier or PtxOperation.Return;

    private static bool IsStore(PtxInstruction i) => i.Operation is PtxOperation.StoreGlobal or PtxOperation.StoreShared or PtxOperation.StoreSharedVector;

    private static IEnumerable<int> Results(PtxInstruction i) =>
        IsStore(i) || IsBranch(i) ? [] : i.Operation == PtxOperation.LoadSharedVector ? [i.D, i.B, i.C, i.E] : [i.D];

    // Slots that an operation leaves at 0 are that of a special register, which no product is written to.
    private static IEnumerable<int> Sources(PtxInstruction i) =>
        IsStore(i) ? [i.A, i.D, i.B, i.C, i.E] : i.Operation == PtxOperation.LoadSharedVector ? [i.A] : [i.A, i.B, i.C];
}
