using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent;

/// <summary>The addresses of <see cref="CellViews"/>, taken once per thread, and the sizes.</summary>
internal unsafe struct CellPointers
{
    public float* X;
    public float* H;
    public float* Hidden;
    public float* Cell;
    public float* StateH;
    public float* StateC;
    public float* Result;
    public float* MassX;
    public float* MassH;
    public float* BiasH;
    public float* Factors;
    public float* Relevance;
    public float* Opposing;
    public float* CarryH;
    public float* CarryC;
    public float* Direct;
    public float* ToX;
    public float* ToH;
    public float* Lost;
    public float* Taken;

    public float Epsilon;

    /// <summary>U.</summary>
    public long Units;

    /// <summary>P·U.</summary>
    public long Plane;

    /// <summary>P·G·U.</summary>
    public long WidePlane;

    /// <summary>N·U.</summary>
    public long StatePlane;

    /// <summary>Rows of this step · G·U.</summary>
    public long StepPlane;

    public static CellPointers Of(in CellViews views) => new()
    {
        X = views.X.Pointer(),
        H = views.H.Pointer(),
        Hidden = views.Hidden.Pointer(),
        Cell = views.Cell.Pointer(),
        StateH = views.StateH.Pointer(),
        StateC = views.StateC.Pointer(),
        Result = views.Result.Pointer(),
        MassX = views.MassX.Pointer(),
        MassH = views.MassH.Pointer(),
        BiasH = views.BiasH.Pointer(),
        Factors = views.Factors.Pointer(),
        Relevance = views.Relevance.Pointer(),
        Opposing = views.Opposing.Pointer(),
        CarryH = views.CarryH.Pointer(),
        CarryC = views.CarryC.Pointer(),
        Direct = views.Direct.Pointer(),
        ToX = views.ToX.Pointer(),
        ToH = views.ToH.Pointer(),
        Lost = views.Lost.Pointer(),
        Taken = views.Taken.Pointer(),
        Epsilon = views.Epsilon,
    };
}
