namespace Backtrace.Gpu.Graphs;

/// <summary>What an argument of an operator is.</summary>
public enum ArgumentKind
{
    /// <summary>Absent.</summary>
    None,

    /// <summary>A tensor.</summary>
    Tensor,

    /// <summary>An integer.</summary>
    Integer,

    /// <summary>A floating-point number.</summary>
    Real,

    /// <summary>True or false.</summary>
    Boolean,

    /// <summary>A list of arguments.</summary>
    List,

    /// <summary>Text, a type, a device: not read.</summary>
    Other,
}

/// <summary>An argument of an operator call, read from libtorch.</summary>
public readonly struct Argument
{
    private readonly long integer;
    private readonly double real;
    private readonly Value? tensor;
    private readonly Argument[]? items;

    internal Argument(ArgumentKind kind, long integer, double real, Value? tensor, Argument[]? items)
    {
        Kind = kind;
        this.integer = integer;
        this.real = real;
        this.tensor = tensor;
        this.items = items;
    }

    internal static readonly Argument None;

    /// <summary>What it is.</summary>
    public ArgumentKind Kind { get; }

    /// <summary>True if it is absent.</summary>
    public bool IsNone => Kind == ArgumentKind.None;

    /// <summary>True if it is a tensor.</summary>
    public bool IsTensor => Kind == ArgumentKind.Tensor;

    /// <summary>True for integers and floating-point numbers.</summary>
    public bool IsNumber => Kind is ArgumentKind.Integer or ArgumentKind.Real;

    /// <summary>The tensor.</summary>
    /// <exception cref="InvalidOperationException">It is something else.</exception>
    public Value Tensor => tensor ?? throw new InvalidOperationException($"A tensor was expected, not {Kind}.");

    /// <summary>The integer; 0 for what is none.</summary>
    public long Integer => integer;

    /// <summary>The truth value.</summary>
    public bool Boolean => integer != 0;

    /// <summary>The number, integer or not.</summary>
    public double Number => Kind == ArgumentKind.Real ? real : integer;

    /// <summary>The entries of a list; empty for what is none.</summary>
    public Argument[] Items => items ?? [];

    /// <summary>The entries of a list of integers.</summary>
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
