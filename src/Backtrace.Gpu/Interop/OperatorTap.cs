using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace Backtrace.Gpu.Interop;

/// <summary>Reports every outermost operator that libtorch dispatches on this thread, called by modules and by functional code alike.</summary>
internal static unsafe class OperatorTap
{
    [ThreadStatic]
    private static IListener? listener;

    [ThreadStatic]
    private static int depth;

    [ThreadStatic]
    private static bool suspended;

    [ThreadStatic]
    private static Exception? failure;

    /// <summary>Who listens.</summary>
    public interface IListener
    {
        /// <summary>An operator starts; its arguments can be read now and only now. Names are addresses of C strings that never move.</summary>
        void Enter(nint name, nint overload, nint arguments, int count);

        /// <summary>The operator returned; its results can be read now and only now.</summary>
        void Leave(nint results, int count);
    }

    /// <exception cref="InvalidOperationException">Somebody listens on this thread already.</exception>
    public static void EnsureSilent()
    {
        if (listener != null)
            throw new InvalidOperationException("A model is being recorded on this thread already: an explanation cannot be asked for inside a forward pass.");
    }

    /// <summary>Runs <paramref name="body"/> while <paramref name="target"/> listens. An exception of the listener ends the listening and is thrown at the end.</summary>
    public static T Listen<T>(IListener target, Func<T> body)
    {
        EnsureSilent();
        RecordFunction.EnsureUnderstood();
        listener = target;
        depth = 0;
        failure = null;
        ulong handle = RecordFunction.AddThreadLocalCallback(RecordFunction.CreateCallback(&Start, &End));
        try
        {
            T result = body();
            if (failure != null)
                ExceptionDispatchInfo.Throw(failure);
            return result;
        }
        finally
        {
            RecordFunction.RemoveCallback(handle);
            listener = null;
        }
    }

    /// <summary>From now on the operators of this thread are the listener's own, until the result is disposed.</summary>
    public static Quiet Quietly()
    {
        Quiet before = new(suspended);
        suspended = true;
        return before;
    }

    [UnmanagedCallersOnly]
    private static nint* Start(nint* context, nint function)
    {
        *context = 0;
        if (!suspended && depth++ == 0 && failure == null)
        {
            try
            {
                nint arguments = RecordFunction.Inputs(function, out int count);
                listener!.Enter(RecordFunction.Name(function), RecordFunction.OverloadName(function), arguments, count);
            }
            catch (Exception e)
            {
                failure = e;
            }
        }

        return context;
    }

    [UnmanagedCallersOnly]
    private static void End(nint function, nint context)
    {
        if (suspended || --depth != 0 || failure != null)
            return;
        try
        {
            nint results = RecordFunction.Outputs(function, out int count);
            listener!.Leave(results, count);
        }
        catch (Exception e)
        {
            failure = e;
        }
    }

    /// <summary>Ends the silence.</summary>
    public readonly struct Quiet(bool before) : IDisposable
    {
        /// <inheritdoc/>
        public void Dispose() => suspended = before;
    }
}
