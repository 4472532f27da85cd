using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Sampling by a grid is a linear map with weights that are not negative: D = W|x|, R_in = |x| · Wᵀ(R / D), with libtorch's own gradient as Wᵀ.</summary>
public sealed class SamplingTests
{
    [Test]
    public void HandsRelevanceToTheEntriesAround(
        [Values(2, 3)] int axes,
        [Values(GridSampleMode.Bilinear, GridSampleMode.Nearest)] GridSampleMode mode,
        [Values(GridSamplePaddingMode.Zeros, GridSamplePaddingMode.Border, GridSamplePaddingMode.Reflection)] GridSamplePaddingMode padding,
        [Values(true, false)] bool align)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(2);
        Tensor x = axes == 2 ? randn(2, 3, 4, 5) : randn([2, 3, 3, 4, 5]), grid = axes == 2 ? rand(2, 6, 2, 2) : rand([2, 6, 2, 2, 3]);
        grid = grid * 5 - 2.5;
        Tensor Forward(Tensor t) => F.grid_sample(t, grid.to(t.dtype), mode, padding, align);
        Tensor magnitude = x.abs().to(float64).requires_grad_(), mass = Forward(magnitude), relevance = rand(mass.shape);
        Tensor coefficients = where(mass == 0, zeros_like(mass), relevance.to(float64) / mass).detach();
        Tensor expected = magnitude * autograd.grad([mass], [magnitude], [coefficients])[0];
        using Explanation e = Explaining.Explain(Forward, x, Target.Custom(relevance.Floats()));
        Explaining.AssertSame(e.Input, expected, 2e-5);
        Explaining.AssertConserved(e);
        Assert.That(e.Ledger.Constants.Sum(), Is.Zero);
    }

    // As an index of gather, the grid says where is looked.
    [Test]
    public void AGridThatDependsOnTheInputCarriesNoRelevance()
    {
        using var scope = NewDisposeScope();
        static Tensor Forward(Tensor x, Tensor source) => F.grid_sample(source, F.affine_grid(source.mean([1, 2, 3]).reshape(1, 1, 1).tanh() * eye(2, 3).unsqueeze(0), [1, 1, 3, 3]), GridSampleMode.Bilinear, GridSamplePaddingMode.Zeros, false);
        Tensor x = rand(1, 1, 4, 4) + 1;
        Target seed = Explaining.Seed(Forward(x, x));
        Tensor grid = F.affine_grid(x.mean([1, 2, 3]).reshape(1, 1, 1).tanh() * eye(2, 3).unsqueeze(0), [1, 1, 3, 3]);
        using Explanation actual = Explaining.Explain(t => Forward(t, t), x, seed);
        using Explanation expected = Explaining.Explain(t => F.grid_sample(t, grid, GridSampleMode.Bilinear, GridSamplePaddingMode.Zeros, false), x, seed);
        Explaining.AssertSame(actual.Input, expected.Input);
    }

    [Test]
    public void StreamsAreConservedInContrastiveMode()
    {
        using var scope = NewDisposeScope();
        random.manual_seed(4);
        Tensor x = randn(1, 2, 4, 4), grid = rand(1, 3, 3, 2) - 0.5;
        float[] start = [.. Enumerable.Range(1, 18).Select(k => (float)k)];
        using Explanation e = Explaining.Explain(t => F.grid_sample(t, grid, GridSampleMode.Bilinear, GridSamplePaddingMode.Border, true), x, Target.Custom(start, [.. start.Reverse()]), new BacktracerOptions { Mode = Mode.Contrastive });
        Assert.That(e.Positive.Input.Floats().Sum(), Is.EqualTo(start.Sum()).Within(1e-3));
        Assert.That(e.Negative.Input.Floats().Sum(), Is.EqualTo(start.Sum()).Within(1e-3));
    }

    [Test]
    public void CubicInterpolationIsRefused()
    {
        using var scope = NewDisposeScope();
        Tensor grid = zeros(1, 2, 2, 2);
        Assert.That(
            () => Explaining.Explain(t => grid_sampler(t, grid, 2), rand(1, 1, 4, 4), Target.Custom(new float[4])),
            Throws.TypeOf<UnsupportedLayerException>().With.Message.Contains("cubic"));
    }

    private static readonly jit.CompilationUnit Script = jit.compile("def sample(x, grid, mode: int):\n    return torch.grid_sampler(x, grid, mode, 0, False)\n");

    private static Tensor grid_sampler(Tensor x, Tensor grid, long mode) => (Tensor)Script.invoke("sample", x, grid, mode);
}
