using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Ptx;

/// <summary>Instructions give what NVIDIA's manual says, at the edges too.</summary>
internal sealed class PtxInstructionTests
{
    private const uint One = 0x3F800000, MinusZero = 0x80000000, NaN = 0x7FC00000, Infinity = 0x7F800000;

    [TestCase("max.f32", NaN, One, One)]
    [TestCase("max.f32", One, NaN, One)]
    [TestCase("min.f32", NaN, One, One)]
    [TestCase("max.f32", MinusZero, 0u, 0u)]
    [TestCase("max.f32", 0u, MinusZero, 0u)]
    [TestCase("min.f32", 0u, MinusZero, MinusZero)]
    [TestCase("add.f32", 0x4B800000u, One, 0x4B800000u, TestName = "Sums_are_rounded_to_even")]
    [TestCase("mul.f32", 0x00800000u, 0x3F000000u, 0x00400000u, TestName = "Subnormal_numbers_stay")]
    [TestCase("div.rn.f32", One, 0u, Infinity)]
    [TestCase("div.s32", unchecked((uint)-7), 2u, unchecked((uint)-3))]
    [TestCase("rem.s32", unchecked((uint)-7), 2u, unchecked((uint)-1))]
    [TestCase("div.u32", unchecked((uint)-7), 2u, 0x7FFFFFFCu)]
    [TestCase("shl.b32", 1u, 31u, 0x80000000u)]
    [TestCase("shl.b32", 1u, 32u, 0u)]
    [TestCase("shr.s32", 0x80000000u, 40u, uint.MaxValue)]
    [TestCase("shr.u32", 0x80000000u, 31u, 1u)]
    [TestCase("shr.u32", 0x80000000u, 32u, 0u)]
    [TestCase("min.s32", unchecked((uint)-1), 1u, unchecked((uint)-1))]
    [TestCase("sub.s32", 0u, 1u, uint.MaxValue)]
    public void Computes(string name, uint a, uint b, uint expected) => Assert.That(Run($"{name} %r5, %r3, %r4;", a, b), Is.EqualTo(expected));

    [TestCase("neg.f32", 0u, MinusZero)]
    [TestCase("abs.f32", MinusZero, 0u)]
    [TestCase("rcp.rn.f32", 0x40000000u, 0x3F000000u)]
    [TestCase("sqrt.rn.f32", 0x40800000u, 0x40000000u)]
    [TestCase("cvt.rzi.s32.f32", 0xBFC00000u, unchecked((uint)-1), TestName = "Rounds_to_zero")]
    [TestCase("cvt.rzi.s32.f32", 0x7F000000u, 0x7FFFFFFFu, TestName = "Stops_at_the_largest_integer")]
    [TestCase("cvt.rzi.s32.f32", 0xFF000000u, 0x80000000u, TestName = "Stops_at_the_smallest_integer")]
    [TestCase("cvt.rzi.s32.f32", NaN, 0u, TestName = "NaN_is_integer_0")]
    [TestCase("cvt.rn.f32.s32", 16_777_217u, 0x4B800000u)]
    public void Converts(string name, uint a, uint expected) => Assert.That(Run($"{name} %r5, %r3;", a, 0), Is.EqualTo(expected));

    [TestCase("setp.eq.f32", NaN, NaN, false)]
    [TestCase("setp.neu.f32", NaN, NaN, true)]
    [TestCase("setp.lt.f32", NaN, One, false)]
    [TestCase("setp.ltu.f32", NaN, One, true)]
    [TestCase("setp.leu.f32", One, NaN, true)]
    [TestCase("setp.geu.f32", 0u, One, false)]
    [TestCase("setp.eq.f32", 0u, MinusZero, true)]
    [TestCase("setp.lt.s32", uint.MaxValue, 0u, true)]
    [TestCase("setp.lo.u32", uint.MaxValue, 0u, false)]
    [TestCase("setp.hi.u32", uint.MaxValue, 0u, true)]
    [TestCase("setp.ls.u32", 5u, 5u, true)]
    public void Compares(string name, uint a, uint b, bool expected) =>
        Assert.That(Run($"{name} %p1, %r3, %r4;\nselp.b32 %r5, 1, 0, %p1;", a, b), Is.EqualTo(expected ? 1u : 0u));

    [TestCase("cvt.s64.s32 %rd4, %r3;\nshr.s64 %rd5, %rd4, 32;\ncvt.u32.u64 %r5, %rd5;", unchecked((uint)-5), uint.MaxValue)]
    [TestCase("cvt.u64.u32 %rd4, %r3;\nshr.s64 %rd5, %rd4, 32;\ncvt.u32.u64 %r5, %rd5;", unchecked((uint)-5), 0u)]
    [TestCase("mul.wide.u32 %rd4, %r3, 16;\nshr.s64 %rd5, %rd4, 32;\ncvt.u32.u64 %r5, %rd5;", 0x80000000u, 8u)]
    [TestCase("cvt.s64.s32 %rd4, %r3;\ndiv.s64 %rd5, %rd4, 2;\ncvt.s32.s64 %r5, %rd5;", unchecked((uint)-7), unchecked((uint)-3))]
    public void Widens(string body, uint a, uint expected) => Assert.That(Run(body, a, 0), Is.EqualTo(expected));

    [Test]
    public void Loops_and_takes_the_contrary_of_a_condition() =>
        Assert.That(Run("mov.b32 %r5, 0;\nL1:\nadd.s32 %r5, %r5, 3;\nsetp.ge.s32 %p1, %r5, %r3;\n@!%p1 bra L1;", 10, 0), Is.EqualTo(12));

    // The result is what %r5 holds.
    private static uint Run(string body, uint a, uint b) => PtxRun.Words(
        $"ld.global.b32 %r3, [%rd1];\nld.global.b32 %r4, [%rd1+4];\n{body}\nst.global.b32 [%rd1+8], %r5;", [a, b, 0])[2];
}
