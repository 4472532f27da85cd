namespace Backtrace.Gpu.Graphs;

internal enum ArgumentKind
{
    None,
    Tensor,
    Integer,
    Real,
    Boolean,
    List,
    Other,
}

/// <summary>An argument of an operator call, read from libtorch.</summary>
internal readonly struct Argument(ArgumentKind kind, long integer, double real, Value? tensor, Argument[]? items)
{
    public static readonly Argument None = new(ArgumentKind.None, 0, 0, null, null);

    public ArgumentKind Kind => kind;

    public bool IsNone => kind == ArgumentKind.None;

    public bool IsTensor => kind == ArgumentKind.Tensor;

    public bool IsNumber => kind is ArgumentKind.Integer or ArgumentKind.Real;

    public Value Tensor => tensor ?? throw new InvalidOperationException($"A tensor was expected, not {kind}.");

    public long Integer => integer;

    public bool Boolean => integer != 0;

    public double Number => kind == ArgumentKind.Real ? real : integer;

    public Argument[] Items => items ?? [];

    public int[] Integers
    {
        get
        {
            int[] result = new int[Items.Length];
            for (int i = 0; i < result.Length; i++)
                result[i] = checked((int)Items[i].Integer);
            return result;
        }
    }
}
