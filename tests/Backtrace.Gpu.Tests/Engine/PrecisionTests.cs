using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Operators that are recorded as products with constants of the library's own take numbers of any precision.</summary>
public sealed class PrecisionTests
{
    private static readonly Dictionary<string, Func<Tensor, Tensor>> Models = new()
    {
        ["cumsum"] = x => x.cumsum(1),
        ["cumsum to another type"] = x => x.cumsum(1, ScalarType.Float64),
        ["index_add"] = x => x.index_add(1, tensor(new[] { 0L, 3 }), x.narrow(1, 0, 2), 1),
        ["scatter_add"] = x => x.scatter_add(1, x.argsort(1), x),
        ["index_put_ that adds"] = x => x.clone().index_put_(x.narrow(0, 0, 1), [TensorIndex.Tensor(zeros(1, dtype: int64))], true),
        ["fold"] = x => F.fold(x.unsqueeze(2), (2, 2), (2, 2)).flatten(1),
        ["max_unpool"] = x =>
        {
            (Tensor values, Tensor places) = F.max_pool2d_with_indices(x.view(-1, 1, 2, 2), [2, 2]);
            return F.max_unpool2d(values, places, [2, 2]).flatten(1);
        },
    };

    private static IEnumerable<string> Names => Models.Keys;

    [Test]
    public void IsExplainedAsInSinglePrecision([ValueSource(nameof(Names))] string name, [Values(ScalarType.Float64, ScalarType.BFloat16)] ScalarType type)
    {
        using var scope = NewDisposeScope();
        Tensor x = tensor(new float[] { 1, -2, 0.5f, 3, -1, 4, 2, -0.25f }).reshape(2, 4);
        using Explanation expected = Explaining.Explain(Models[name], x, Explaining.Seed(Models[name](x)));
        using Explanation actual = Explaining.Explain(Models[name], x.to(type), Explaining.Seed(Models[name](x)));
        Explaining.AssertSame(actual.Input, expected.Input, 1e-6);
    }
}
