using Backtrace.Gpu.Targets;
using NUnit.Framework;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>One model that several threads explain and call at the same time, each with a backtracer of its own.</summary>
public sealed class SharedModelTests
{
    [Test]
    public void ABacktracerIsMadeAndDisposedWhileTheModelRuns()
    {
        using Sequential model = Sequential(("first", Linear(4, 4)), ("last", Linear(4, 2)));
        using Tensor input = ones(2, 4);
        int made = 0;
        void Make(nn.Module running)
        {
            made++;
            Task.Run(() => new Backtracer(model).Dispose()).Wait();
        }

        // TorchSharp walks these hooks while they change what it walks.
        _ = model.register_forward_pre_hook(Make);
        _ = model.register_forward_hook(Make);
        Assert.That(() => model.call(input).Dispose(), Throws.Nothing);
        Assert.That(made, Is.EqualTo(2));
    }

    [Test]
    public void ManyThreadsMakeBacktracersOfOneModel()
    {
        using Sequential model = Sequential(("first", Linear(4, 4)), ("relu", ReLU()), ("last", Linear(4, 2)));
        using Tensor input = rand(2, 4);
        using Explanation expected = Explaining.Explain(model, input, Target.Argmax());
        float[] relevance = expected.Input.Floats();
        Parallel.For(0, 4, _ =>
        {
            for (int k = 0; k < 25; k++)
            {
                using Backtracer backtracer = new(model);
                using Explanation explanation = backtracer.Explain(input, Target.Argmax());
                Assert.That(explanation.Input.Floats(), Is.EqualTo(relevance));
            }
        });
    }

    [Test]
    public void UsersHooksStayWhenABacktracerGoes()
    {
        using Linear model = Linear(4, 2);
        using Tensor input = ones(1, 4);
        List<string> heard = [];
        _ = model.register_forward_hook(_ => heard.Add("before"));
        using (Backtracer backtracer = new(model))
        {
            var removed = model.register_forward_hook(_ => heard.Add("removed"));
            removed.remove();
            _ = model.register_forward_hook(_ => heard.Add("during"));
        }

        model.call(input).Dispose();
        Assert.That(heard, Is.EqualTo(new[] { "before", "during" }));
    }

    // Dropout would make the other's explanation random, batch normalisation would learn from it.
    [Test]
    public async Task AModelInTrainingModeStaysInEvaluationModeUntilTheLastOneHasRun()
    {
        using BatchNorm1d norm = BatchNorm1d(4);
        using Sequential model = Sequential(("norm", norm), ("drop", Dropout(0.5)), ("last", Linear(4, 2)));
        model.eval();
        norm.train();
        using Tensor input = rand(3, 4), before = norm.running_mean!.clone();
        using ManualResetEventSlim inside = new(), leave = new();
        using Backtracer first = new(model), second = new(
            model,
            x =>
            {
                inside.Set();
                leave.Wait();
                return [model.call(x[0])];
            });
        Task<Explanation> running;
        using (Backtracer outer = new(
            model,
            x =>
            {
                running = Task.Run(() => second.Explain(input, Target.Argmax()));
                inside.Wait();
                return [model.call(x[0])];
            }))
        {
            running = null!;
            outer.Explain(input, Target.Argmax()).Dispose();
        }

        Assert.That(norm.training, Is.False, "the other one still runs");
        leave.Set();
        using Explanation late = await running, alone = first.Explain(input, Target.Argmax());
        Assert.That(late.Input.Floats(), Is.EqualTo(alone.Input.Floats()));
        Explaining.AssertSame(norm.running_mean!, before, 0);
        Assert.That((norm.training, model.training), Is.EqualTo((true, false)));
    }

    // One that trains while it is recorded would draw noise, or learn from what it is shown.
    [Test]
    public void APartThatIsStillRecordedIsNotTrainedWithItsModel()
    {
        using Watched part = new();
        using Linear other = Linear(4, 4), frozen = Linear(4, 2);
        using Sequential model = Sequential(("other", other), ("part", part), ("frozen", frozen));
        frozen.eval();
        using Tensor input = rand(3, 4);
        using Backtracer whole = new(model);
        List<bool> during = [];
        using (Backtracer ofPart = new(
            part,
            x =>
            {
                part.Modes.Clear();
                Task.Run(() => whole.Explain(input, Target.Argmax()).Dispose()).Wait();
                during.AddRange(part.Modes);
                Assert.That((part.training, other.training, frozen.training), Is.EqualTo((false, true, false)));
                return [part.call(x[0])];
            }))
        {
            ofPart.Explain(input, Target.Argmax()).Dispose();
        }

        Assert.That(during, Has.None.True, "the model has ended, its part is still recorded");
        Assert.That((model.training, part.training, other.training, frozen.training), Is.EqualTo((true, true, true, false)));
    }

    [Test]
    public void PartsThatCameLaterGoOnTraining()
    {
        using Dropout late = Dropout(0.5), frozen = Dropout(0.5);
        using Sequential model = Sequential(("first", Linear(4, 4)), ("last", Linear(4, 2)));
        using Tensor input = rand(3, 4);
        using Backtracer backtracer = new(model);
        model.append(late);
        model.append(frozen);
        model.train();
        frozen.eval();
        using Explanation explanation = backtracer.Explain(input, Target.Argmax()), again = backtracer.Explain(input, Target.Argmax());
        Assert.That((model.training, late.training, frozen.training), Is.EqualTo((true, true, false)));
        Assert.That(again.Input.Floats(), Is.EqualTo(explanation.Input.Floats()));
    }

    [Test]
    public void AModelThatIsGoneBeforeItsPartHarmsNobody()
    {
        using Linear part = Linear(4, 2), another = Linear(4, 2);
        EvaluationMode ofPart = new([part]);
        Wrapper model = new(part);
        new EvaluationMode([model, part]).Dispose();
        Assert.That(model.training, Is.False, "its part is held");
        model.Dispose();
        Assert.That(ofPart.Dispose, Throws.Nothing);
        new EvaluationMode([another]).Dispose();
        Assert.That(another.training, Is.True);
    }

    // Calls a part that it does not own.
    private sealed class Wrapper : Module<Tensor, Tensor>
    {
        private readonly Linear part;

        public Wrapper(Linear part)
            : base(nameof(Wrapper)) => this.part = part;

        public override Tensor forward(Tensor input) => part.call(input);

        public override IEnumerable<Module> modules() => [part];
    }

    private sealed class Watched() : Module<Tensor, Tensor>(nameof(Watched))
    {
        public List<bool> Modes { get; } = [];

        public override Tensor forward(Tensor input) => functional.relu(input);

        public override void train(bool on = true)
        {
            Modes.Add(on);
            base.train(on);
        }
    }
}
