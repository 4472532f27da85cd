using System.Runtime.InteropServices;
using Backtrace.Gpu.Graphs;
using Backtrace.Gpu.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// Gives operators another gradient, wherever they are called: by modules or in functional code. A derived class says which operators, and is called when one of
/// them has returned, while the forward pass still runs.
/// </summary>
internal abstract class OperatorOverride : OperatorTap.IListener, IDisposable
{
    private readonly string method;
    private readonly ExplainedModel model;
    private readonly ModuleNames names;
    private (string Name, bool InPlace, Tensor Argument)? pending;

    protected OperatorOverride(string method, ExplainedModel model)
    {
        this.method = method;
        this.model = model;
        names = new ModuleNames(model.Module);
    }

    /// <summary>As <see cref="ExplainedModel.Gradients"/>, with the other gradients.</summary>
    /// <exception cref="OperatorTap.DisturbedException">As for <see cref="OperatorTap.Listen"/>.</exception>
    public Tensor Gradients(Tensor points, Tensor input, Tensor targets)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable on = GradientMode.On();
        Tensor x = points.detach().requires_grad_(true);
        Tensor chosen = ExplainedModel.Chosen(Scores(x, input), targets);
        return autograd.grad([chosen.sum()], [x])[0].MoveToOuterDisposeScope();
    }

    public void Dispose() => names.Dispose();

    public bool Before(nint name, nint overload, nint arguments, int count)
    {
        pending = null;
        (string text, _, bool inPlace) = OperatorNames.Find(name);
        if (!inPlace)
            return true;
        if (count == 0 || !new IValue(arguments).IsTensor || !Concerns(text[..^1], arguments, count))
            return false;
        using var quiet = OperatorTap.Quietly();
        using Tensor overwritten = Hold(new IValue(arguments));
        pending = (text[..^1], true, overwritten.clone().DetachFromDisposeScope());
        return true;
    }

    public void Enter(nint name, nint overload, nint arguments, int count)
    {
        (string text, _, bool inPlace) = OperatorNames.Find(name);
        if (inPlace || count == 0 || !new IValue(arguments).IsTensor || !Concerns(text, arguments, count))
            return;
        using var quiet = OperatorTap.Quietly();
        pending = (text, false, Hold(new IValue(arguments)));
    }

    public void Leave(nint results, int count)
    {
        if (pending is not { } call)
            return;
        pending = null;
        using var quiet = OperatorTap.Quietly();
        using DisposeScope scope = NewDisposeScope();
        using Tensor argument = call.Argument;
        if (count == 0) // it failed
            return;
        using Tensor result = Hold(new IValue(results));
        using Tensor? second = count > 1 && new IValue(results + IValue.Size).IsTensor ? Hold(new IValue(results + IValue.Size)) : null;
        Returned(call.Name, call.InPlace, argument, result, second);
    }

    /// <summary>Scores at points while this listens.</summary>
    protected Tensor Scores(Tensor points, Tensor input)
    {
        names.Start();
        try
        {
            return OperatorTap.Listen(this, () => model.ScoresAt(points, input));
        }
        finally
        {
            names.Stop();
            pending?.Argument.Dispose();
            pending = null;
        }
    }

    /// <summary>Whether an operator is of interest. Asked once for each call, when its arguments can be read.</summary>
    /// <param name="name">Without the underscore of in-place variants.</param>
    /// <param name="arguments">The first of its boxed arguments.</param>
    /// <param name="count">Their number.</param>
    protected abstract bool Concerns(string name, nint arguments, int count);

    /// <summary>An operator has returned.</summary>
    /// <param name="name">Without the underscore of in-place variants.</param>
    /// <param name="inPlace">Whether it overwrote its argument.</param>
    /// <param name="argument">Its first argument, as it was before.</param>
    /// <param name="result">Its result: the model's own tensor.</param>
    /// <param name="second">Its second result, if there is one.</param>
    protected abstract void Returned(string name, bool inPlace, Tensor argument, Tensor result, Tensor? second);

    /// <summary>Keeps the numbers of a result, and gives it the gradient of something else.</summary>
    /// <param name="result">The model's own tensor.</param>
    /// <param name="something">Of the same shape, computed from the argument; zero everywhere.</param>
    protected void Redirect(Tensor result, Tensor something)
    {
        try
        {
            result.detach_();
            result.add_(something);
        }
        catch (ExternalException e)
        {
            throw Refusal("computes a view of another tensor in place. Build the model without inplace.", e);
        }
    }

    /// <summary>As <see cref="Redirect"/>, for results that may be views of what nobody else sees. Not for operators that need their result for their gradient.</summary>
    protected static void RedirectView(Tensor result, Tensor something) => result.copy_(result.detach() + something);

    /// <summary>An exception that names the module which is running.</summary>
    protected ExplainerException Refusal(string what, Exception? inner = null)
    {
        string message = $"{method}: {(names.Running is { Length: > 0 } path ? $"the module '{path}'" : "the model")} {what}";
        return inner is null ? new ExplainerException(message) : new ExplainerException(message, inner);
    }

    private static Tensor Hold(IValue value) => Tensor.UnsafeCreateTensor(value.Tensor.Hold().Handle).DetachFromDisposeScope();
}
