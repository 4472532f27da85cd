using Backtrace.Gpu.Targets;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Operators that overwrite what a rule will read later are explained as their copying forms are.</summary>
public sealed class InPlaceTests
{
    private static readonly Tensor Weight = Wide(12, 6), Second = Wide(4, 12), Bias = Wide(12);

    private static readonly (string Name, Func<Tensor, Tensor> InPlace, Func<Tensor, Tensor> Copying)[] Pairs =
    [
        ("relu", x => Head(Layer(x).relu_()), x => Head(Layer(x).relu())),
        ("saturated tanh", x => Head(Layer(x * 4).tanh_()), x => Head(Layer(x * 4).tanh())),
        ("saturated sigmoid", x => Head(Layer(x * 8).sigmoid_()), x => Head(Layer(x * 8).sigmoid())),
        ("tanh of a product with its bias added", x => Head(x.matmul(Weight.t()).add_(Bias).tanh_()), x => Head(Layer(x).tanh())),
        ("residual sum", Residual(inPlace: true), Residual(inPlace: false)),
        ("difference", x => Head(Layer(x).sub_(F.relu(Layer(x)))), x => Head(Layer(x) - F.relu(Layer(x)))),
        ("both summands needed", x => Both(x, inPlace: true), x => Both(x, inPlace: false)),
        ("product", x => Head(Layer(x).mul_(Layer(x).sigmoid())), x => Head(Layer(x) * Layer(x).sigmoid())),
        ("halves of a chunk", x => Halves(x, inPlace: true), x => Halves(x, inPlace: false)),
        ("memory that is emptied when it was read", x => Emptied(x, inPlace: true), x => Emptied(x, inPlace: false)),
        ("view that is alone", x => Head(Layer(x).view(-1).relu_().view(-1, 12)), x => Head(Layer(x).relu())),
        ("the input itself", x => Head(Layer(x.clone()).add_(1).clamp_(-1, 1)), x => Head((Layer(x) + 1).clamp(-1, 1))),
    ];

    private static IEnumerable<string> Names => Pairs.Select(p => p.Name);

    private static Tensor Emptied(Tensor x, bool inPlace)
    {
        Tensor layer = Layer(x), read = Head(layer);
        if (inPlace)
            layer.zero_();
        return read;
    }

    [TestCaseSource(nameof(Names))]
    public void IsExplainedAsItsCopyingForm(string name)
    {
        using var scope = NewDisposeScope();
        (_, Func<Tensor, Tensor> inPlace, Func<Tensor, Tensor> copying) = Pairs.Single(p => p.Name == name);
        random.manual_seed(3);
        Tensor input = randn(3, 6);
        using Explanation actual = Explaining.Explain(inPlace, input, Explaining.Seed(copying(input)));
        using Explanation expected = Explaining.Explain(copying, input, Explaining.Seed(copying(input)));
        Explaining.AssertSame(actual.Prediction, expected.Prediction);
        Explaining.AssertSame(actual.Input, expected.Input);
        Explaining.AssertConserved(actual);
    }

    [Test]
    public void AnInputThatIsOverwrittenIsExplainedAtItsOldValues()
    {
        using var scope = NewDisposeScope();
        Tensor input = randn(2, 6), again = input.clone();
        using Explanation actual = Explaining.Explain(x => Head(Layer(x.mul_(2).relu_())), input, Target.Class(1));
        using Explanation expected = Explaining.Explain(x => Head(Layer((x * 2).relu())), again, Target.Class(1));
        Explaining.AssertSame(actual.Input, expected.Input);
    }

    // libtorch gives the address of a tensor that is gone to the next one.
    [Test]
    public void AViewThatIsGoneBeforeItsMemoryIsOverwrittenIsNoOther()
    {
        using var scope = NewDisposeScope();
        static Tensor Forward(Tensor x, bool inPlace)
        {
            Tensor hidden = Layer(x).relu(), view = hidden.view(-1, 12), first = Head(view);
            view.Dispose();
            Tensor moved = inPlace ? hidden.add_(1) : hidden + 1;
            return first + Head(moved.tanh()) + Head(moved.sigmoid());
        }

        Tensor input = randn(3, 6);
        Target seed = Explaining.Seed(Forward(input, inPlace: false));
        using Explanation actual = Explaining.Explain(x => Forward(x, inPlace: true), input, seed);
        using Explanation expected = Explaining.Explain(x => Forward(x, inPlace: false), input, seed);
        Explaining.AssertSame(actual.Input, expected.Input);
    }

    private static Tensor Layer(Tensor x) => F.linear(x, Weight, Bias);

    private static Tensor Head(Tensor x) => F.linear(x, Second, null);

    private static Func<Tensor, Tensor> Residual(bool inPlace) => x =>
    {
        Tensor first = Layer(x).tanh(), second = Layer(x * 3).relu();
        return Head(inPlace ? first.add_(second).relu_() : (first + second).relu());
    };

    // The sum overwrites a, which another layer read before.
    private static Tensor Both(Tensor x, bool inPlace)
    {
        Tensor a = Layer(x), b = F.linear(a, Wide(12, 12), Bias);
        return Head(inPlace ? a.add_(b) : a + b);
    }

    private static Tensor Halves(Tensor x, bool inPlace)
    {
        Tensor[] parts = Layer(x).chunk(2, 1);
        return inPlace ? Head(cat([parts[0].relu_(), parts[1].tanh_()], 1)) : Head(cat([parts[0].relu(), parts[1].tanh()], 1));
    }

    private static Tensor Wide(params long[] shape)
    {
        random.manual_seed(shape.Sum());
        return randn(shape).DetachFromDisposeScope();
    }
}
