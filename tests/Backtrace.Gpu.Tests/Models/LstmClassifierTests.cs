using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Models;

public sealed class LstmClassifierTests
{
    [Test]
    public void AWholeNetworkEqualsItsReference()
    {
        using var scope = NewDisposeScope();
        using IDisposable inference = no_grad();
        using SafeTensorsFile file = SafeTensors.Open(Fixtures.Path("models", "lstm_classifier.safetensors"));
        using LstmClassifier network = new(new LstmSizes(40, 10, 14, 3));
        Dictionary<string, Tensor> state = network.state_dict();
        Assert.That(state.Keys.Select(name => "param." + name), Is.EquivalentTo(file.Tensors.Select(t => t.Name).Where(n => n.StartsWith("param.", StringComparison.Ordinal))));
        foreach ((string name, Tensor target) in state)
            target.copy_(file.ToTensor("param." + name));
        float[] logits = network.call(file.ToTensor("in.tokens")).data<float>().ToArray();
        Assert.That(logits, Is.EqualTo(file.Read<double>("expected.output")).Within(1e-5));
    }

    [TestCase(1, false)]
    [TestCase(1, true)]
    [TestCase(2, true)]
    public void PaddedTextsAnswerAsTheyWouldAlone(int layers, bool bidirectional)
    {
        using var scope = NewDisposeScope();
        using IDisposable inference = no_grad();
        random.manual_seed(7);
        using LstmClassifier network = new(new LstmSizes(20, 6, 5, 3, layers, bidirectional));
        network.eval();
        int[] lengths = [2, 7, 1, 4];
        Tensor ids = randint(1, 20, [4, 7], ScalarType.Int64), mask = zeros([4, 7], ScalarType.Int64);
        for (int i = 0; i < lengths.Length; i++)
            mask[i, ..lengths[i]] = 1;
        float[,] together = Rows(network.forward(ids * mask, mask, null)), otherPadding = Rows(network.forward(ids, mask, null));
        for (int i = 0; i < lengths.Length; i++)
        {
            float[,] alone = Rows(network.call(ids[i..(i + 1), ..lengths[i]]));
            for (int k = 0; k < 3; k++)
            {
                Assert.That(together[i, k], Is.EqualTo(alone[0, k]).Within(1e-6), $"text {i}");
                Assert.That(otherPadding[i, k], Is.EqualTo(together[i, k]), $"text {i}: what stands in the padding does not matter");
            }
        }
    }

    [Test]
    public void BothDirectionsCount()
    {
        using var scope = NewDisposeScope();
        using IDisposable inference = no_grad();
        using LstmClassifier network = new(new LstmSizes(20, 6, 5, 2, Bidirectional: true));
        Dictionary<string, Tensor> state = network.state_dict();
        Assert.That(state["fc.weight"].shape, Is.EqualTo(new long[] { 2, 10 }));
        Assert.That(state.Keys, Does.Contain("lstm.weight_ih_l0_reverse").And.Contain("lstm.bias_hh_l0"));
        Tensor ids = tensor(new long[] { 3, 9, 4 }, [1, 3]), before = network.call(ids);
        state["fc.weight"][.., 5..].zero_();
        Assert.That(network.call(ids).equal(before).any().item<bool>(), Is.False, "the backward state stands in the last columns");
    }

    [TestCase(0, 6, 5, 2)]
    [TestCase(20, 6, -1, 2)]
    [TestCase(20, 6, 5, int.MaxValue)]
    public void ImpossibleSizesAreRefused(int vocabulary, int embedding, int hidden, int classes) =>
        Assert.That(() => new LstmClassifier(new LstmSizes(vocabulary, embedding, hidden, classes)), Throws.ArgumentException);

    private static float[,] Rows(Tensor logits)
    {
        float[] values = logits.data<float>().ToArray();
        float[,] rows = new float[logits.shape[0], logits.shape[1]];
        Buffer.BlockCopy(values, 0, rows, 0, values.Length * sizeof(float));
        return rows;
    }
}
