using System.Runtime.InteropServices;
using Backtrace.Gpu.Graphs;
using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// A model as explainers see it: inputs to scores of classes, [N, C]. Inputs are numbers, [N, ...], or tokens, [N, T] of 64-bit integers. The module stays
/// the caller's and is put into evaluation mode.
/// </summary>
public sealed class ExplainedModel
{
    private readonly Func<Tensor, Tensor> scores;
    private readonly nn.Module<Tensor, Tensor>? embedding;

    /// <param name="module">The network.</param>
    /// <param name="embedding">Of a network that reads tokens: path of the module that turns their numbers into vectors, such as <c>bert.embeddings.word_embeddings</c>.</param>
    /// <param name="head">From the module's output to scores, [N, C]; null where that is its output. A language model: <c>y => y.select(1, -1)</c>.</param>
    /// <exception cref="ExplainerException">There is no module of that path, or it does not map one tensor to one.</exception>
    public ExplainedModel(nn.Module<Tensor, Tensor> module, string? embedding = null, Func<Tensor, Tensor>? head = null)
        : this(module, head is null ? x => module.call(x) : x => head(module.call(x)), embedding)
    {
    }

    /// <param name="module">The network.</param>
    /// <param name="scores">From inputs to scores, [N, C], by the network: for one that can be asked for less than all that it computes, as a language model for its last logits.</param>
    /// <param name="embedding">Of a network that reads tokens: path of the module that turns their numbers into vectors.</param>
    /// <exception cref="ExplainerException">There is no module of that path, or it does not map one tensor to one.</exception>
    public ExplainedModel(nn.Module module, Func<Tensor, Tensor> scores, string? embedding = null)
    {
        ArgumentNullException.ThrowIfNull(module);
        ArgumentNullException.ThrowIfNull(scores);
        OneDnn.EnsureRight();
        Module = module;
        Embedding = embedding;
        this.scores = scores;
        if (embedding is not null)
            this.embedding = Find<nn.Module<Tensor, Tensor>>(embedding);
        module.eval();
    }

    /// <summary>The network.</summary>
    public nn.Module Module { get; }

    /// <summary>Path of the module that turns tokens into vectors; null where inputs are numbers.</summary>
    public string? Embedding { get; }

    /// <summary>Whether inputs are tokens.</summary>
    public bool TakesTokens => embedding is not null;

    /// <summary>A part of the network by its path, such as <c>layer3.0.conv1</c>.</summary>
    /// <exception cref="ExplainerException">There is none, or it is of another kind.</exception>
    public TModule Find<TModule>(string path)
        where TModule : nn.Module
    {
        nn.Module? found = Module.named_modules().Where(m => m.name == path).Select(m => m.module).FirstOrDefault();
        return found switch
        {
            TModule fitting => fitting,
            null => throw new ExplainerException($"The model has no module '{path}'."),
            _ => throw new ExplainerException($"The module '{path}' is a {found.GetType().Name}, not {(typeof(TModule).IsGenericType ? "a module that makes one tensor of one" : $"a {typeof(TModule).Name}")}."),
        };
    }

    /// <summary>
    /// All modules, parents before their children, in the order in which they are registered: mostly that of the forward pass. named_modules() lists all children before
    /// any grandchild, which puts a head before its trunk.
    /// </summary>
    public IEnumerable<(string Path, nn.Module Module)> Parts()
    {
        return Walk("", Module);

        static IEnumerable<(string Path, nn.Module Module)> Walk(string path, nn.Module module) =>
            module.named_children().SelectMany(child => Walk(path.Length == 0 ? child.name : $"{path}.{child.name}", child.module)).Prepend((path, module));
    }

    /// <summary>Scores before softmax, [N, C]; differentiable where grad mode is on.</summary>
    /// <exception cref="ExplainerException">The network, with the head, gives something else.</exception>
    public Tensor Scores(Tensor input)
    {
        Tensor found = scores(input);
        return found.ndim == 2
            ? found
            : throw new ExplainerException($"The model's scores are [{string.Join(", ", found.shape)}], where [N, C] is needed. Give a head that makes it of the output, such as y => y.unsqueeze(1).");
    }

    /// <summary>The score of each sample's class, [N].</summary>
    /// <exception cref="ExplainerException">There is no such class.</exception>
    internal static Tensor Chosen(Tensor scores, Tensor targets)
    {
        using DisposeScope scope = NewDisposeScope();
        // Processors look at every index anyway, and for small models such a check costs as much as a layer; on a GPU a wrong index would end the context.
        if (scores.device_type != DeviceType.CPU)
            CheckClasses(scores, targets);
        try
        {
            return scores.gather(1, targets.unsqueeze(1)).squeeze(1).MoveToOuterDisposeScope();
        }
        catch (ExternalException)
        {
            CheckClasses(scores, targets);
            throw;
        }
    }

    /// <summary>Probabilities, [N, C]: the softmax of the scores, or the sigmoid of a single one. No gradients; computed in batches of limited size.</summary>
    /// <param name="input">[N, ...].</param>
    /// <param name="batch">Most samples in one forward pass.</param>
    /// <param name="cancellation">Looked at between batches.</param>
    public Tensor Probabilities(Tensor input, int batch = 256, CancellationToken cancellation = default)
    {
        using DisposeScope scope = NewDisposeScope();
        using Tensor scores = ScoresInBatches(input, batch, cancellation);
        return (scores.shape[1] == 1 ? scores.sigmoid() : scores.softmax(1)).MoveToOuterDisposeScope();
    }

    /// <summary>Scores, [N, C], as <see cref="Probabilities"/> computes them.</summary>
    public Tensor ScoresInBatches(Tensor input, int batch = 256, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        using DisposeScope scope = NewDisposeScope();
        using var quiet = no_grad();
        List<Tensor> parts = [];
        for (long begin = 0; begin < input.shape[0]; begin += batch)
        {
            cancellation.ThrowIfCancellationRequested();
            using DisposeScope part = NewDisposeScope();
            parts.Add(OperatorTap.Undisturbed(() => Scores(input.narrow(0, begin, Math.Min(batch, input.shape[0] - begin)))).MoveToOuterDisposeScope());
        }

        return cat(parts).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// What gradients are taken of: the input itself, [N, ...], or the vectors of its tokens, [N, T, width]. A new tensor without history.
    /// </summary>
    public Tensor Points(Tensor input)
    {
        using var quiet = no_grad();
        return embedding is null ? input.detach().clone() : embedding.call(input);
    }

    /// <summary>Scores, [N, C], when <paramref name="points"/> take the place of what <see cref="Points"/> gives; differentiable.</summary>
    /// <param name="points">[N, ...] or [N, T, width].</param>
    /// <param name="input">The input that they belong to: [N, ...] or [1, ...]. Only its shape matters, but for networks that look at tokens elsewhere.</param>
    public Tensor ScoresAt(Tensor points, Tensor input)
    {
        if (embedding is null)
            return Scores(points);
        using IDisposable replaced = ModuleHooks.Replace(embedding, _ => points.alias());
        return Scores(input.shape[0] == points.shape[0] ? input : input.expand([points.shape[0], .. input.shape[1..]]));
    }

    /// <summary>Gradients of the targets' scores with respect to <paramref name="points"/>, shaped like them.</summary>
    /// <param name="points">[N, ...] or [N, T, width].</param>
    /// <param name="input">As for <see cref="ScoresAt"/>.</param>
    /// <param name="targets">Class of each point, [N] of 64-bit integers.</param>
    public Tensor Gradients(Tensor points, Tensor input, Tensor targets)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable on = GradientMode.On();
        Tensor x = points.detach().requires_grad_(true);
        Tensor chosen = Chosen(ScoresAt(x, input), targets);
        return autograd.grad([chosen.sum()], [x])[0].MoveToOuterDisposeScope();
    }

    /// <summary>Attributions of the input's entries, [N, ...] of 32-bit floats: token vectors' are summed over their width. Outside of dispose scopes, the caller's.</summary>
    /// <param name="perPoint">Attributions of points, [N, ...] or [N, T, width]. Returned itself where nothing has to be done: for small models every operator counts.</param>
    internal Tensor Attributions(Tensor perPoint)
    {
        Tensor perEntry = TakesTokens ? perPoint.sum(-1) : perPoint;
        return (perEntry.dtype == float32 ? perEntry : perEntry.to(float32)).DetachFromDisposeScope();
    }

    private static void CheckClasses(Tensor scores, Tensor targets)
    {
        using DisposeScope scope = NewDisposeScope();
        long least = targets.min().item<long>(), most = targets.max().item<long>(), classes = scores.shape[1];
        if (least < 0 || most >= classes)
            throw new ExplainerException($"There is no class {(least < 0 ? least : most)}: the model has {Counted.Of(classes, "score")}.");
    }
}
