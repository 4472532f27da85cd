using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Ptx;

/// <summary>What a GPU would not forgive is found, and what it allows is not.</summary>
internal sealed class PtxFaultTests
{
    private const string OwnSharedWord = """
        mul.wide.u32 %rd4, %r1, 4;
        mov.b64 %rd5, first;
        add.s64 %rd6, %rd5, %rd4;

        """;

    [TestCase("st.global.f32 [%rd3], 0f3F800000;")]
    [TestCase("ld.global.f32 %f1, [%rd3];\nst.global.f32 [%rd3], 0f3F800000;\nld.global.f32 %f1, [%rd3];", TestName = "Own_words_are_no_race")]
    [TestCase("ld.global.f32 %f1, [%rd1];\nld.global.f32 %f1, [%rd1+4];", TestName = "Common_reading_is_no_race")]
    public void Allows(string body) => Assert.That(() => PtxRun.Words(body, new uint[4], threads: 4), Throws.Nothing);

    [TestCase("st.global.f32 [%rd1], 0f3F800000;", "race on global memory: thread 1 writes", "thread 0 wrote")]
    [TestCase("st.global.f32 [%rd3], 0f3F800000;\nld.global.f32 %f1, [%rd1];", "race on global memory: thread 1 reads", "thread 0 wrote")]
    [TestCase("ld.global.f32 %f1, [%rd1+4];\nst.global.f32 [%rd3], 0f3F800000;", "race on global memory: thread 1 writes", "several threads read", TestName = "Writing_what_others_read")]
    [TestCase("add.s32 %r3, %r1, 1;\nmul.wide.u32 %rd4, %r3, 4;\nadd.s64 %rd5, %rd1, %rd4;\nld.global.f32 %f1, [%rd5];\nst.global.f32 [%rd3], %f1;", "thread 1 writes", "thread 0 read", TestName = "Writing_what_one_other_read")]
    public void Finds_races_on_global_memory(string body, string what, string who) =>
        Assert.That(Fault(body, threads: 4).Message, Does.Contain(what).And.Contain(who));

    [Test]
    public void Finds_races_of_groups() =>
        Assert.That(() => PtxRun.Words("st.global.f32 [%rd3], 0f3F800000;", new uint[4], threads: 4, groups: 2), Throws.TypeOf<PtxFault>().With.Message.Contains("thread 4 writes").And.Message.Contains("group 1"));

    [TestCase("ld.global.f32 %f1, [%rd1+16];", "outside")]
    [TestCase("st.global.f32 [%rd1+16], 0f00000000;", "outside")]
    [TestCase("sub.s64 %rd4, %rd1, 4;\nld.global.f32 %f1, [%rd4];", "outside", TestName = "Before_the_memory")]
    [TestCase("ld.global.f32 %f1, [%rd9];", "outside", TestName = "An_address_that_was_never_set")]
    [TestCase("ld.global.f32 %f1, [%rd1+2];", "no multiple of 4")]
    public void Finds_global_addresses_that_are_off(string body, string what) => Assert.That(Fault(body).Message, Does.Contain(what));

    [TestCase("mov.b64 %rd4, first;\nst.shared.f32 [%rd4+32], 0f00000000;", "outside")]
    [TestCase("mov.b64 %rd4, second;\nst.shared.f32 [%rd4+16], 0f00000000;", "outside")]
    [TestCase("mov.b64 %rd4, first;\nst.shared.v4.f32 [%rd4+32], {%f1, %f2, %f3, %f4};", "outside")]
    [TestCase("mov.b64 %rd4, second;\nsub.s64 %rd5, %rd4, 4;\nst.shared.f32 [%rd5], 0f00000000;", "outside")]
    [TestCase("mov.b64 %rd4, first;\nst.shared.v4.f32 [%rd4+8], {%f1, %f2, %f3, %f4};", "no multiple of 16")]
    [TestCase("mov.b64 %rd4, first;\nst.shared.f32 [%rd4+2], 0f00000000;", "no multiple of 4")]
    [TestCase("mov.b64 %rd4, first;\nld.shared.f32 %f1, [%rd4];", "never written")]
    public void Finds_shared_addresses_that_are_off(string body, string what) => Assert.That(Fault(body).Message, Does.Contain(what));

    [TestCase("st.shared.f32 [%rd5], 0f3F800000;", "thread 1 writes what thread 0 wrote", TestName = "All_write_one_word")]
    [TestCase("st.shared.f32 [%rd6], 0f3F800000;\nld.shared.f32 %f1, [%rd5];", "thread 1 reads what thread 0 wrote", TestName = "Reading_without_a_barrier")]
    [TestCase("st.shared.f32 [%rd6], 0f3F800000;\nbar.sync 0;\nld.shared.f32 %f1, [%rd5+4];\nst.shared.f32 [%rd6], 0f3F800000;", "thread 1 writes what several threads read", TestName = "Overwriting_without_a_barrier")]
    public void Finds_races_on_shared_memory(string body, string what) => Assert.That(Fault(OwnSharedWord + body, threads: 2).Message, Does.Contain(what));

    [Test]
    public void A_barrier_ends_races()
    {
        string body = OwnSharedWord + """
            cvt.rn.f32.s32 %f1, %r1;
            st.shared.f32 [%rd6], %f1;
            bar.sync 0;
            ld.shared.f32 %f2, [%rd5+8];
            bar.sync 0;
            st.shared.f32 [%rd6], %f2;
            st.global.f32 [%rd3], %f2;
            """;
        Assert.That(PtxRun.Words(body, new uint[4], threads: 4).Select(BitConverter.UInt32BitsToSingle), Is.All.EqualTo(2f));
    }

    [TestCase("setp.eq.s32 %p1, %r1, 0;\n@%p1 bra L1;\nbar.sync 0;\nL1:", "waits", "has ended")]
    [TestCase("setp.eq.s32 %p1, %r1, 0;\n@%p1 bra L1;\nbar.sync 0;\nbra.uni L2;\nL1:\nbar.sync 0;\nL2:", "thread 0 waits in line", "thread 1 waits in line")]
    public void Finds_divergent_barriers(string body, string one, string other) =>
        Assert.That(Fault(body, threads: 2).Message, Does.Contain("divergent barrier").And.Contain(one).And.Contain(other));

    [TestCase("div.s32")]
    [TestCase("div.u32")]
    [TestCase("rem.s32")]
    public void Finds_divisions_by_zero(string name) => Assert.That(Fault($"{name} %r3, 1, %r1;").Message, Does.Contain("by zero").And.Contain(name));

    [TestCase("fma.rn.f32 %f1, %f2, %f3, %f4;", "fma.rn.f32 is unknown")]
    [TestCase("mov.b32 %r3, -1;", "-1 is unknown")]
    [TestCase("mov.b32 %r3, %clock;", "%clock is unknown")]
    [TestCase("bra.uni L7;", "no label L7")]
    [TestCase("bar.sync 1;", "a barrier other than 0")]
    [TestCase("@%p1 mov.b32 %r3, 1;", "a condition")]
    [TestCase(".local .align 4 .b8 depot[4];", "not understood")]
    public void Refuses_what_it_does_not_know(string body, string what) => Assert.That(() => PtxRun.Parse(body), Throws.TypeOf<PtxFault>().With.Message.Contains(what));

    [TestCase(1, 1, 1, 1025, 8, "threads in a group")]
    [TestCase(1, 65_536, 1, 1, 8, "a grid")]
    [TestCase(1, 1, 65_536, 1, 8, "a grid")]
    [TestCase(0, 1, 1, 1, 8, "a grid")]
    [TestCase(1, 1, 1, 1, 12, "bytes of parameters")]
    public void Keeps_the_limits_of_CUDA(int x, int y, int z, int threads, int parameterBytes, string what) =>
        Assert.That(() => PtxLauncher.Launch(PtxRun.Parse(""), (x, y, z), threads, new byte[parameterBytes], []), Throws.TypeOf<PtxFault>().With.Message.Contains(what));

    [Test]
    public void Keeps_the_limit_of_parameters()
    {
        PtxProgram program = PtxParser.Parse(".visible .entry Kernel(\n.param .align 8 .b8 _k[4104]\n)\n{\nret;\n}");
        Assert.That(() => PtxLauncher.Launch(program, (1, 1, 1), 1, new byte[4104], []), Throws.TypeOf<PtxFault>().With.Message.Contains("4096"));
    }

    private static PtxFault Fault(string body, int threads = 1) => Assert.Throws<PtxFault>(() => PtxRun.Words(body, new uint[4], threads))!;
}
