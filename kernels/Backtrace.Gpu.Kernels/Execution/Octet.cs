using ILGPU;

namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>The lane of eight floats for kernels that ILGPU compiles for processors, whose compilers make a vector of it.</summary>
internal unsafe struct Octet : ILane<Octet>
{
    private float a;
    private float b;
    private float c;
    private float d;
    private float e;
    private float f;
    private float g;
    private float h;

    public static int Width => 8;

    public static Octet All(float v) => new() { a = v, b = v, c = v, d = v, e = v, f = v, g = v, h = v };

    public static Octet Load(float* s) => new() { a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7] };

    public static void Store(float* t, Octet v)
    {
        t[0] = v.a;
        t[1] = v.b;
        t[2] = v.c;
        t[3] = v.d;
        t[4] = v.e;
        t[5] = v.f;
        t[6] = v.g;
        t[7] = v.h;
    }

    public static Octet operator +(Octet x, Octet y) =>
        new() { a = x.a + y.a, b = x.b + y.b, c = x.c + y.c, d = x.d + y.d, e = x.e + y.e, f = x.f + y.f, g = x.g + y.g, h = x.h + y.h };

    public static Octet operator -(Octet x, Octet y) =>
        new() { a = x.a - y.a, b = x.b - y.b, c = x.c - y.c, d = x.d - y.d, e = x.e - y.e, f = x.f - y.f, g = x.g - y.g, h = x.h - y.h };

    public static Octet operator *(Octet x, Octet y) =>
        new() { a = x.a * y.a, b = x.b * y.b, c = x.c * y.c, d = x.d * y.d, e = x.e * y.e, f = x.f * y.f, g = x.g * y.g, h = x.h * y.h };

    public static Octet operator /(Octet x, Octet y) =>
        new() { a = x.a / y.a, b = x.b / y.b, c = x.c / y.c, d = x.d / y.d, e = x.e / y.e, f = x.f / y.f, g = x.g / y.g, h = x.h / y.h };

    public static Octet Abs(Octet x) => new()
    {
        a = IntrinsicMath.Abs(x.a),
        b = IntrinsicMath.Abs(x.b),
        c = IntrinsicMath.Abs(x.c),
        d = IntrinsicMath.Abs(x.d),
        e = IntrinsicMath.Abs(x.e),
        f = IntrinsicMath.Abs(x.f),
        g = IntrinsicMath.Abs(x.g),
        h = IntrinsicMath.Abs(x.h),
    };

    public static Octet Max(Octet x, Octet y) => new()
    {
        a = IntrinsicMath.Max(x.a, y.a),
        b = IntrinsicMath.Max(x.b, y.b),
        c = IntrinsicMath.Max(x.c, y.c),
        d = IntrinsicMath.Max(x.d, y.d),
        e = IntrinsicMath.Max(x.e, y.e),
        f = IntrinsicMath.Max(x.f, y.f),
        g = IntrinsicMath.Max(x.g, y.g),
        h = IntrinsicMath.Max(x.h, y.h),
    };

    public static Octet Exp(Octet x) => new()
    {
        a = DeviceMath.Exp(x.a),
        b = DeviceMath.Exp(x.b),
        c = DeviceMath.Exp(x.c),
        d = DeviceMath.Exp(x.d),
        e = DeviceMath.Exp(x.e),
        f = DeviceMath.Exp(x.f),
        g = DeviceMath.Exp(x.g),
        h = DeviceMath.Exp(x.h),
    };

    public static Octet WhereZero(Octet t, Octet y, Octet n) => new()
    {
        a = t.a == 0 ? y.a : n.a,
        b = t.b == 0 ? y.b : n.b,
        c = t.c == 0 ? y.c : n.c,
        d = t.d == 0 ? y.d : n.d,
        e = t.e == 0 ? y.e : n.e,
        f = t.f == 0 ? y.f : n.f,
        g = t.g == 0 ? y.g : n.g,
        h = t.h == 0 ? y.h : n.h,
    };

    public static Octet WhereGreater(Octet p, Octet q, Octet y, Octet n) => new()
    {
        a = p.a > q.a ? y.a : n.a,
        b = p.b > q.b ? y.b : n.b,
        c = p.c > q.c ? y.c : n.c,
        d = p.d > q.d ? y.d : n.d,
        e = p.e > q.e ? y.e : n.e,
        f = p.f > q.f ? y.f : n.f,
        g = p.g > q.g ? y.g : n.g,
        h = p.h > q.h ? y.h : n.h,
    };

    public static bool IsZero(Octet x) => x.a == 0 & x.b == 0 & x.c == 0 & x.d == 0 & x.e == 0 & x.f == 0 & x.g == 0 & x.h == 0;

    public static float Sum(Octet x) => ((x.a + x.b) + (x.c + x.d)) + ((x.e + x.f) + (x.g + x.h));
}
