using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Evaluation;

/// <summary>
/// Fills missing pixels so that each is the weighted mean of its neighbours, 1/6 for those beside it and 1/12 for those at its corners (Rong et al. 2022, arXiv
/// 2202.00449), by conjugate gradients on all pictures at once.
/// </summary>
internal static class LinearImputation
{
    private const int MaximumIterations = 2000;
    private const double Tolerance = 1e-8;

    /// <summary>Pictures with their missing pixels filled; beyond the border there are no neighbours.</summary>
    /// <param name="pictures">[B, C, H, W].</param>
    /// <param name="known">[B, 1, H, W] booleans; at least one per picture.</param>
    internal static Tensor Fill(Tensor pictures, Tensor known)
    {
        using DisposeScope scope = NewDisposeScope();
        using var quiet = no_grad();
        long[] shape = pictures.shape;
        Tensor kernel = tensor(new[] { 1.0, 2, 1, 2, 0, 2, 1, 2, 1 }).view(1, 1, 3, 3) / 12;
        Tensor Neighbours(Tensor of) => nn.functional.conv2d(of.reshape(-1, 1, shape[2], shape[3]), kernel, padding: [1L, 1]).view(of.shape);
        Tensor there = known.to(float64), missing = 1 - there;
        Tensor weights = Neighbours(ones([1, 1, shape[2], shape[3]], float64));
        Tensor System(Tensor of) => ((weights * of) - Neighbours(of)) * missing;

        // A x = b for the missing pixels; A is symmetric and positive where each picture has a known pixel.
        Tensor right = Neighbours(pictures.to(float64) * there) * missing, x = zeros_like(right), residual = right.clone(), direction = right.clone();
        Tensor squares = Squares(residual);
        double small = Tolerance * Tolerance * Math.Max(squares.max().item<double>(), 1e-300);
        for (int i = 0; i < MaximumIterations && squares.max().item<double>() > small; i++)
        {
            using DisposeScope step = NewDisposeScope();
            Tensor image = System(direction);
            Tensor length = squares / (direction * image).sum([1, 2, 3], keepdim: true).clamp_min(1e-300);
            x.add_(length * direction);
            residual.sub_(length * image);
            Tensor next = Squares(residual);
            direction.mul_(next / squares.clamp_min(1e-300)).add_(residual);
            squares = next.MoveToOuterDisposeScope();
        }

        return where(known, pictures, x.to(pictures.dtype)).MoveToOuterDisposeScope();
    }

    private static Tensor Squares(Tensor of) => (of * of).sum([1, 2, 3], keepdim: true);
}
