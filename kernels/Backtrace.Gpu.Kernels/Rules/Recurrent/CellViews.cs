using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent;

/// <summary>
/// The memory of one direction of one layer: what the kernels of all cells read and write. Rows of the input's side lie as in the input,
/// rows of the state's side step after step. G gates, U units, P rows of all steps, N sequences.
/// </summary>
internal struct CellViews
{
    /// <summary>Signed shares: what is added to denominators, away from 0.</summary>
    public float Epsilon;

    /// <summary>W x + b, [P, G·U], input's side.</summary>
    public ArrayView<float> X;

    /// <summary>W h (+ b), [P, G·U], state's side.</summary>
    public ArrayView<float> H;

    /// <summary>h before each step, [P, U], state's side.</summary>
    public ArrayView<float> Hidden;

    /// <summary>c before each step.</summary>
    public ArrayView<float> Cell;

    /// <summary>The running h, [N, U].</summary>
    public ArrayView<float> StateH;

    /// <summary>The running c.</summary>
    public ArrayView<float> StateC;

    /// <summary>h after each step, [P, directions · U], input's side.</summary>
    public ArrayView<float> Result;

    /// <summary>Default mode: D of X, then c of X per relevance. Contrastive: p and n of X, [2, P, G·U].</summary>
    public ArrayView<float> MassX;

    /// <summary>The same of H.</summary>
    public ArrayView<float> MassH;

    /// <summary>Bias of H, [G·U].</summary>
    public ArrayView<float> BiasH;

    /// <summary>Default mode: further factors of relevance, [4, P, U], state's side.</summary>
    public ArrayView<float> Factors;

    /// <summary>The relevance of <see cref="Result"/>, [P, directions · U], one per stream.</summary>
    public ArrayView<float> Relevance;

    /// <summary>That of the opposing stream.</summary>
    public ArrayView<float> Opposing;

    /// <summary>Relevance on its way to the step before: of h, [streams, N, U].</summary>
    public ArrayView<float> CarryH;

    /// <summary>The same of c.</summary>
    public ArrayView<float> CarryC;

    /// <summary>Relevance of h that does not pass the matrix, [streams, N, U].</summary>
    public ArrayView<float> Direct;

    /// <summary>Shares of the units of X, [P, G·U]; contrastive: four planes, α of both streams, β of both streams (rules.md, E.1).</summary>
    public ArrayView<float> ToX;

    /// <summary>The same of the units of H in this step, [rows, G·U].</summary>
    public ArrayView<float> ToH;

    /// <summary>Relevance that nobody got, [streams, P, U], input's side.</summary>
    public ArrayView<float> Lost;

    /// <summary>Relevance that the bias of H took, [P, U], input's side.</summary>
    public ArrayView<float> Taken;
}
