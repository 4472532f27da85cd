using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Evaluation;

/// <summary>
/// Fills missing pixels so that each is the weighted mean of its neighbours, 1/6 for those beside it and 1/12 for those at its corners (Rong et al. 2022, arXiv
/// 2202.00449), by conjugate gradients on all pictures at once. Each picture is done when its own residual is small, whichever others are filled with it.
/// </summary>
internal static class LinearImputation
{
    private const int MaximumIterations = 2000;
    private const double Tolerance = 1e-6; // of the right side; the noise that is added is far above it

    /// <summary>Pictures with their missing pixels filled; beyond the border there are no neighbours.</summary>
    /// <param name="pictures">[B, C, H, W].</param>
    /// <param name="known">[B, 1, H, W] booleans; at least one per picture.</param>
    internal static Tensor Fill(Tensor pictures, Tensor known)
    {
        using DisposeScope scope = NewDisposeScope();
        using var quiet = no_grad();
        long[] shape = pictures.shape;
        Tensor there = known.to(float64), missing = 1 - there;
        Tensor weights = Neighbours(ones([1, 1, shape[2], shape[3]], float64, pictures.device));
        Tensor System(Tensor of) => ((weights * of) - Neighbours(of)) * missing;

        // A x = b for the missing pixels; A is symmetric and positive where each picture has a known pixel.
        Tensor right = Neighbours(pictures.to(float64) * there) * missing, x = zeros_like(right), residual = right.clone(), direction = right.clone();
        Tensor squares = Squares(residual);
        Tensor small = Tolerance * Tolerance * squares, open = squares > small;
        for (int i = 0; i < MaximumIterations && open.any().item<bool>(); i++)
        {
            using DisposeScope step = NewDisposeScope();
            Tensor image = System(direction);
            Tensor length = open * squares / (direction * image).sum([1, 2, 3], keepdim: true).clamp_min(1e-300);
            x.add_(length * direction);
            residual.sub_(length * image);
            Tensor next = Squares(residual);
            direction.mul_(next / squares.clamp_min(1e-300)).add_(residual);
            squares = next.MoveToOuterDisposeScope();
            open = (squares > small).MoveToOuterDisposeScope();
        }

        return where(known, pictures, x.to(pictures.dtype)).MoveToOuterDisposeScope();
    }

    // The weights are (1 2 1) times (1 2 1) without its centre, over 12.
    private static Tensor Neighbours(Tensor of)
    {
        Tensor sum = Beside(Beside(of, 3), 2);
        return sum.sub_(of * 4).div_(12);
    }

    private static Tensor Beside(Tensor of, int axis)
    {
        long last = of.shape[axis] - 1;
        Tensor sum = of * 2;
        sum.narrow(axis, 1, last).add_(of.narrow(axis, 0, last));
        sum.narrow(axis, 0, last).add_(of.narrow(axis, 1, last));
        return sum;
    }

    private static Tensor Squares(Tensor of) => (of * of).sum([1, 2, 3], keepdim: true);
}
