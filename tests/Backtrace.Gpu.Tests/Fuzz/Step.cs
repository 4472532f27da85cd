using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Fuzz;

/// <summary>Hands the relevance of a step's results back to its operands, in double precision.</summary>
/// <param name="x">The operands.</param>
/// <param name="relevance">Relevance of the results.</param>
internal delegate Tensor[] Reference(Tensor[] x, Tensor[] relevance);

/// <summary>One operator of a random model. Its results are values that later steps may read.</summary>
/// <param name="Text">What it does, for people.</param>
/// <param name="From">The values that it reads.</param>
/// <param name="Run">What it does.</param>
/// <param name="Default">Its rule in default mode, written slowly; null where there is none.</param>
internal sealed record Step(string Text, int[] From, Func<Tensor[], Tensor[]> Run, Reference? Default)
{
    /// <summary>Scaling what depends on the input scales the result, constants aside: LRP without ε is then gradient x input.</summary>
    public bool IsLinearPiecewise { get; init; }

    /// <summary>The first operand is overwritten: from then on it is the result.</summary>
    public bool Overwrites { get; init; }

    /// <summary>First of the values that it makes.</summary>
    public int First { get; init; }

    public override string ToString() => $"v{First} = {Text}({string.Join(", ", From.Select(f => $"v{f}"))})";
}
