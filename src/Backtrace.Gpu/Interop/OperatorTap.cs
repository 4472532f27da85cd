using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace Backtrace.Gpu.Interop;

/// <summary>Reports every outermost operator that libtorch dispatches on this thread, called by modules and by functional code alike.</summary>
internal static unsafe class OperatorTap
{
    private const int MostAttempts = 20;

    // One in thirty passes of a small model failed where there were a thousand collections a second.
    private const int MostErrors = 6;

    [ThreadStatic]
    private static IListener? listener;

    [ThreadStatic]
    private static int depth;

    [ThreadStatic]
    private static bool suspended;

    [ThreadStatic]
    private static Exception? failure;

    [ThreadStatic]
    private static bool disturbed;

    [ThreadStatic]
    private static OperatorArguments? kept;

    // TorchScript was heard of on this thread.
    [ThreadStatic]
    private static bool interprets;

    /// <summary>
    /// Who listens. TorchSharp frees the numbers that it passes to operators (alpha of add) when the collector finds them unused, which it may as soon as libtorch
    /// has been called: a collection before the operator has read them spoils its result. So nothing is allocated before the operator runs, but in
    /// <see cref="Before"/> if it must be, and a collection there is noticed.
    /// </summary>
    public interface IListener
    {
        /// <summary>True for operators that are looked into: not they are reported, but those that they call. Should not allocate.</summary>
        bool IsComposite(nint name) => false;

        /// <summary>An operator starts. False if it need not be reported. Should not allocate.</summary>
        bool Before(nint name, nint overload, nint arguments, int count) => true;

        /// <summary>The operator returned; this is what it was called with. Names are addresses of C strings that never move.</summary>
        void Enter(nint name, nint overload, nint arguments, int count);

        /// <summary>Follows <see cref="Enter"/>; the results can be read now and only now.</summary>
        void Leave(nint results, int count);
    }

    /// <exception cref="InvalidOperationException">Somebody listens on this thread already.</exception>
    public static void EnsureSilent()
    {
        if (listener != null)
            throw new InvalidOperationException("A model is being recorded on this thread already: an explanation cannot be asked for inside a forward pass.");
    }

    /// <summary>Runs <paramref name="body"/> while <paramref name="target"/> listens. An exception of the listener ends the listening and is thrown at the end.</summary>
    /// <exception cref="DisturbedException">Numbers that operators were called with may have been freed before they were read, or TorchScript may have run a program that it has rewritten: run it again.</exception>
    public static T Listen<T>(IListener target, Func<T> body)
    {
        EnsureSilent();
        RecordFunction.EnsureUnderstood();
        listener = target;
        depth = 0;
        failure = null;
        disturbed = false;
        kept ??= new OperatorArguments();
        bool plainly = interprets;
        if (plainly)
            TorchScript.Optimise(false);
        ulong handle = RecordFunction.AddThreadLocalCallback(RecordFunction.CreateCallback(&Start, &End));
        try
        {
            T result = body();
            if (failure != null && !disturbed)
                ExceptionDispatchInfo.Throw(failure);
            return disturbed ? throw new DisturbedException() : result;
        }
        catch (ExternalException) when (disturbed)
        {
            throw new DisturbedException();
        }
        finally
        {
            RecordFunction.RemoveCallback(handle);
            if (plainly)
                TorchScript.Optimise(true);
            kept.Clear();
            listener = null;
        }
    }

    /// <summary>
    /// Runs what listens, and runs it again where the garbage collector has disturbed it, which is rare. That includes errors of libtorch while there was a collection, on whichever thread:
    /// TorchSharp gives libtorch numbers that nobody holds any more, and one that was freed meanwhile is of no known type.
    /// </summary>
    public static T Undisturbed<T>(Func<T> run)
    {
        for (int attempt = 1; ; attempt++)
        {
            int collections = GC.CollectionCount(0);
            try
            {
                return run();
            }
            catch (DisturbedException) when (attempt < MostAttempts)
            {
            }
            catch (Exception e) when (attempt < MostErrors && GC.CollectionCount(0) != collections && TorchError.IsOfTorch(e) && !TorchError.IsOutOfMemory(e))
            {
            }
        }
    }

    /// <summary>From now on the operators of this thread are the listener's own, until the result is disposed.</summary>
    public static Quiet Quietly()
    {
        Quiet before = new(suspended);
        suspended = true;
        return before;
    }

    /// <summary>From now on the operators of this thread are reported again, also to a listener that hears of another one, until the result is disposed.</summary>
    public static Quiet Aloud()
    {
        Quiet before = new(suspended);
        suspended = false;
        return before;
    }

    [UnmanagedCallersOnly]
    private static nint* Start(nint* context, nint function)
    {
        *context = 0;
        // TorchScript may run operators on other threads, where nobody listens.
        if (suspended || listener is null)
            return context;
        if (depth > 0)
        {
            depth++;
            return context;
        }

        kept!.Clear();
        if (failure != null)
            return context;
        int collections = GC.CollectionCount(0);
        try
        {
            nint name = RecordFunction.Name(function);
            if (!listener!.IsComposite(name))
            {
                depth = 1;
                nint arguments = RecordFunction.Inputs(function, out int count), overload = RecordFunction.OverloadName(function);
                bool isInterpreted = !RecordFunction.IsNear(arguments, function);
                disturbed |= isInterpreted && !interprets;
                interprets |= isInterpreted;
                if (listener.Before(name, overload, arguments, count))
                {
                    using Quiet silence = Quietly();
                    kept.Keep(name, overload, arguments, count, hold: isInterpreted);
                }
            }
        }
        catch (Exception e)
        {
            failure = e;
        }

        disturbed |= GC.CollectionCount(0) != collections;
        return context;
    }

    // Composite operators end at depth 0, as does all that follows a failure.
    [UnmanagedCallersOnly]
    private static void End(nint function, nint context)
    {
        if (suspended || listener is null || depth == 0 || --depth != 0 || failure != null || !kept!.IsKept)
            return;
        try
        {
            nint results = RecordFunction.Outputs(function, out int count);
            listener!.Enter(kept.Name, kept.Overload, kept.First, kept.Count);
            listener.Leave(results, count);
        }
        catch (Exception e)
        {
            failure = e;
        }
    }

    /// <summary>What was heard may not be what ran.</summary>
    public sealed class DisturbedException() : Exception("The garbage collector or TorchScript came between the call of an operator and its record: the forward pass must be run again.");

    /// <summary>Ends the silence, or the end of one.</summary>
    public readonly struct Quiet(bool before) : IDisposable
    {
        /// <inheritdoc/>
        public void Dispose() => suspended = before;
    }
}
