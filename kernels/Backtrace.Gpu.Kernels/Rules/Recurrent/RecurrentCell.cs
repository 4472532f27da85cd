namespace Backtrace.Gpu.Kernels.Rules.Recurrent;

/// <summary>Kinds of recurrent cells, as torch defines them.</summary>
public enum RecurrentCell
{
    /// <summary>Gates i, f, g, o; c = f·c + i·g, h = o·tanh c.</summary>
    Lstm,

    /// <summary>Gates r, z, n; h = (1 − z)·n + z·h, the reset gate after the matrix product.</summary>
    Gru,

    /// <summary>h = tanh(X + H).</summary>
    Tanh,

    /// <summary>h = max(X + H, 0).</summary>
    Relu,
}
