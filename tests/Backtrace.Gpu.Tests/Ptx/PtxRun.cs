namespace Backtrace.Gpu.Tests.Ptx;

/// <summary>Runs hand-written PTX on a few words of memory.</summary>
internal static unsafe class PtxRun
{
    /// <summary>
    /// Runs a body, whose parameter <c>_p</c> is the address of <paramref name="memory"/>, and which finds it in <c>%rd1</c>, that of its own word in <c>%rd3</c>, the thread's
    /// number in <c>%r1</c> and that of its group in <c>%r2</c>.
    /// </summary>
    internal static uint[] Words(string body, uint[] memory, int threads = 1, int groups = 1)
    {
        PtxProgram program = Parse(body);
        uint[] result = [.. memory];
        fixed (uint* words = result)
            PtxLauncher.Launch(program, (groups, 1, 1), threads, BitConverter.GetBytes((ulong)words), [((ulong)words, (ulong)result.Length * 4)]);
        return result;
    }

    internal static PtxProgram Parse(string body) => PtxParser.Parse($$"""
        .visible .entry Kernel(
        	.param .b64 _p
        )
        {
        	.shared .align 16 .b8 first[32];
        	.shared .align 4 .b8 second[16];
        	ld.param.b64 %rd1, [_p];
        	mov.b32 %r1, %tid.x;
        	mov.b32 %r2, %ctaid.x;
        	mul.wide.u32 %rd2, %r1, 4;
        	add.s64 %rd3, %rd1, %rd2;
        {{body}}
        	ret;
        }
        """);
}
