using System.Runtime.CompilerServices;

namespace Backtrace.Gpu.Tests.Ptx;

/// <summary>Executes the instructions of one thread until a barrier or the end.</summary>
internal static unsafe class PtxThread
{
    /// <summary>Where a thread is that has come to its end.</summary>
    internal const int Ended = -1;

    /// <summary>
    /// Goes on at instruction <paramref name="at"/> and returns the one after the barrier, or <see cref="Ended"/>. <paramref name="local"/> numbers the thread in its group,
    /// <paramref name="global"/> in the launch.
    /// </summary>
    internal static int Run(PtxInstruction* code, int at, ulong* r, byte* parameters, PtxGlobalMemory memory, PtxSharedMemory shared, uint local, uint global)
    {
        while (true)
        {
            PtxInstruction* i = code + at++;
            switch (i->Operation)
            {
                case PtxOperation.Move: r[i->D] = r[i->A]; break;
                case PtxOperation.Truncate: r[i->D] = (uint)r[i->A]; break;
                case PtxOperation.SignExtend: r[i->D] = (ulong)(int)r[i->A]; break;
                case PtxOperation.FloatOfInt32: r[i->D] = Bits((int)r[i->A]); break;
                case PtxOperation.FloatOfInt64: r[i->D] = Bits((long)r[i->A]); break;
                case PtxOperation.Int32OfFloat: r[i->D] = (uint)(int)Float(r[i->A]); break;
                case PtxOperation.Select: r[i->D] = r[i->C] != 0 ? r[i->A] : r[i->B]; break;
                case PtxOperation.And: r[i->D] = r[i->A] & r[i->B]; break;
                case PtxOperation.Or: r[i->D] = r[i->A] | r[i->B]; break;
                case PtxOperation.NotPredicate: r[i->D] = r[i->A] ^ 1; break;

                case PtxOperation.Add32: r[i->D] = (uint)r[i->A] + (uint)r[i->B]; break;
                case PtxOperation.Subtract32: r[i->D] = (uint)r[i->A] - (uint)r[i->B]; break;
                case PtxOperation.Multiply32: r[i->D] = (uint)r[i->A] * (uint)r[i->B]; break;
                case PtxOperation.DivideInt32: r[i->D] = (uint)((int)r[i->A] / (int)Divisor((uint)r[i->B], i)); break;
                case PtxOperation.DivideUInt32: r[i->D] = (uint)r[i->A] / (uint)Divisor((uint)r[i->B], i); break;
                case PtxOperation.Remainder32: r[i->D] = (uint)((int)r[i->A] % (int)Divisor((uint)r[i->B], i)); break;
                case PtxOperation.Minimum32: r[i->D] = (uint)Math.Min((int)r[i->A], (int)r[i->B]); break;
                case PtxOperation.ShiftLeft32: r[i->D] = (uint)r[i->B] > 31 ? 0 : (uint)r[i->A] << (int)r[i->B]; break;
                case PtxOperation.ShiftRight32: r[i->D] = (uint)((int)r[i->A] >> (int)Math.Min((uint)r[i->B], 31)); break;

                case PtxOperation.Add64: r[i->D] = r[i->A] + r[i->B]; break;
                case PtxOperation.Subtract64: r[i->D] = r[i->A] - r[i->B]; break;
                case PtxOperation.Multiply64: r[i->D] = r[i->A] * r[i->B]; break;
                case PtxOperation.MultiplyWide: r[i->D] = (ulong)(uint)r[i->A] * (uint)r[i->B]; break;
                case PtxOperation.Divide64: r[i->D] = (ulong)((long)r[i->A] / (long)Divisor(r[i->B], i)); break;
                case PtxOperation.Remainder64: r[i->D] = (ulong)((long)r[i->A] % (long)Divisor(r[i->B], i)); break;
                case PtxOperation.Minimum64: r[i->D] = (ulong)Math.Min((long)r[i->A], (long)r[i->B]); break;
                case PtxOperation.Maximum64: r[i->D] = (ulong)Math.Max((long)r[i->A], (long)r[i->B]); break;
                case PtxOperation.ShiftLeft64: r[i->D] = (uint)r[i->B] > 63 ? 0 : r[i->A] << (int)r[i->B]; break;
                case PtxOperation.ShiftRightUInt32: r[i->D] = (uint)r[i->B] > 31 ? 0 : (uint)r[i->A] >> (int)r[i->B]; break;
                case PtxOperation.ShiftRight64: r[i->D] = (ulong)((long)r[i->A] >> (int)Math.Min((uint)r[i->B], 63)); break;

                case PtxOperation.AddFloat: r[i->D] = Bits(Float(r[i->A]) + Float(r[i->B])); break;
                case PtxOperation.SubtractFloat: r[i->D] = Bits(Float(r[i->A]) - Float(r[i->B])); break;
                case PtxOperation.MultiplyFloat: r[i->D] = Bits(Float(r[i->A]) * Float(r[i->B])); break;
                case PtxOperation.DivideFloat: r[i->D] = Bits(Float(r[i->A]) / Float(r[i->B])); break;
                case PtxOperation.Reciprocal: r[i->D] = Bits(1 / Float(r[i->A])); break;
                case PtxOperation.SquareRoot: r[i->D] = Bits(MathF.Sqrt(Float(r[i->A]))); break;
                case PtxOperation.NegateFloat: r[i->D] = (uint)r[i->A] ^ 0x8000_0000; break;
                case PtxOperation.AbsoluteFloat: r[i->D] = (uint)r[i->A] & 0x7FFF_FFFF; break;

                // Of a number and a NaN, the number; of two zeros, the one of the right sign.
                case PtxOperation.MinimumFloat: r[i->D] = Bits(float.MinNumber(Float(r[i->A]), Float(r[i->B]))); break;
                case PtxOperation.MaximumFloat: r[i->D] = Bits(float.MaxNumber(Float(r[i->A]), Float(r[i->B]))); break;

                case PtxOperation.Equal32: r[i->D] = Bit((uint)r[i->A] == (uint)r[i->B]); break;
                case PtxOperation.NotEqual32: r[i->D] = Bit((uint)r[i->A] != (uint)r[i->B]); break;
                case PtxOperation.LessInt32: r[i->D] = Bit((int)r[i->A] < (int)r[i->B]); break;
                case PtxOperation.LessOrEqualInt32: r[i->D] = Bit((int)r[i->A] <= (int)r[i->B]); break;
                case PtxOperation.GreaterInt32: r[i->D] = Bit((int)r[i->A] > (int)r[i->B]); break;
                case PtxOperation.GreaterOrEqualInt32: r[i->D] = Bit((int)r[i->A] >= (int)r[i->B]); break;
                case PtxOperation.LessUInt32: r[i->D] = Bit((uint)r[i->A] < (uint)r[i->B]); break;
                case PtxOperation.LessOrEqualUInt32: r[i->D] = Bit((uint)r[i->A] <= (uint)r[i->B]); break;
                case PtxOperation.GreaterUInt32: r[i->D] = Bit((uint)r[i->A] > (uint)r[i->B]); break;
                case PtxOperation.Equal64: r[i->D] = Bit(r[i->A] == r[i->B]); break;
                case PtxOperation.NotEqual64: r[i->D] = Bit(r[i->A] != r[i->B]); break;
                case PtxOperation.Less64: r[i->D] = Bit((long)r[i->A] < (long)r[i->B]); break;
                case PtxOperation.LessOrEqual64: r[i->D] = Bit((long)r[i->A] <= (long)r[i->B]); break;
                case PtxOperation.Greater64: r[i->D] = Bit((long)r[i->A] > (long)r[i->B]); break;
                case PtxOperation.GreaterOrEqual64: r[i->D] = Bit((long)r[i->A] >= (long)r[i->B]); break;
                case PtxOperation.EqualFloat: r[i->D] = Bit(Float(r[i->A]) == Float(r[i->B])); break;
                case PtxOperation.LessFloat: r[i->D] = Bit(Float(r[i->A]) < Float(r[i->B])); break;
                case PtxOperation.GreaterFloat: r[i->D] = Bit(Float(r[i->A]) > Float(r[i->B])); break;
                case PtxOperation.GreaterOrEqualFloat: r[i->D] = Bit(Float(r[i->A]) >= Float(r[i->B])); break;
                case PtxOperation.NotEqualOrNaN: r[i->D] = Bit(!(Float(r[i->A]) == Float(r[i->B]))); break;
                case PtxOperation.LessOrNaN: r[i->D] = Bit(!(Float(r[i->A]) >= Float(r[i->B]))); break;
                case PtxOperation.LessOrEqualOrNaN: r[i->D] = Bit(!(Float(r[i->A]) > Float(r[i->B]))); break;
                case PtxOperation.GreaterOrEqualOrNaN: r[i->D] = Bit(!(Float(r[i->A]) < Float(r[i->B]))); break;

                case PtxOperation.LoadParameter8: r[i->D] = parameters[i->Offset]; break;
                case PtxOperation.LoadParameter32: r[i->D] = *(uint*)(parameters + i->Offset); break;
                case PtxOperation.LoadParameter64: r[i->D] = *(ulong*)(parameters + i->Offset); break;
                case PtxOperation.LoadGlobal: r[i->D] = memory.Read(r, i, global); break;
                case PtxOperation.StoreGlobal: memory.Write(r, i, global); break;
                case PtxOperation.LoadShared: shared.Read(r, i, local); break;
                case PtxOperation.StoreShared: shared.Write(r, i, local); break;
                case PtxOperation.LoadSharedVector: shared.ReadVector(r, i, local); break;
                case PtxOperation.StoreSharedVector: shared.WriteVector(r, i, local); break;

                case PtxOperation.Branch: at = i->D; break;
                case PtxOperation.BranchIf: at = r[i->A] != 0 ? i->D : at; break;
                case PtxOperation.BranchUnless: at = r[i->A] == 0 ? i->D : at; break;
                case PtxOperation.Barrier: return at;
                case PtxOperation.Return: return Ended;
                default: throw new InvalidOperationException($"{i->Operation} is not implemented.");
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Float(ulong register) => BitConverter.UInt32BitsToSingle((uint)register);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Bits(float value) => BitConverter.SingleToUInt32Bits(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Bit(bool value) => value ? 1ul : 0;

    // A GPU would go on with all bits set.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Divisor(ulong value, PtxInstruction* i) => value != 0 ? value : throw new PtxFault("division of an integer by zero") { Line = i->Line };
}
