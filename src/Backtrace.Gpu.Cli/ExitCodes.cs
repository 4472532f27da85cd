using System.Runtime.InteropServices;
using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Evaluation.Experiments;
using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Runs;
using Backtrace.Gpu.Targets;

namespace Backtrace.Gpu.Cli;

/// <summary>What the process returns, for scripts; `backtrace --help` lists the same.</summary>
internal static class ExitCodes
{
    internal const int Ok = 0;
    internal const int Unexpected = 1;
    internal const int Usage = 2;
    internal const int Input = 3;
    internal const int Model = 4;
    internal const int UnsupportedLayer = 5;
    internal const int Device = 6;
    internal const int Cancelled = 130;

    /// <summary>Maps an exception to its code and to the one line that is printed; a list of unsupported layers keeps its lines.</summary>
    internal static int Of(Exception exception, out string message)
    {
        message = "error: " + (exception is UnsupportedLayerException ? string.Join('\n', exception.Message.Split('\n').Select(Printable.Text)) : Printable.Line(exception.Message));
        switch (exception)
        {
            case OperationCanceledException:
                message = "cancelled.";
                return Cancelled;
            case UsageException or TargetException or UnknownLayerException or ExperimentException or ExplainerException:
                return Usage;
            case ModelException or SafeTensorsException or InvalidModelException:
                return Model;
            case UnsupportedLayerException:
                return UnsupportedLayer;
            case DeviceException:
                return Device;
            case OutOfMemoryException:
                message = "error: there is not enough memory. Explain fewer inputs in one call, or set a smaller --batch.";
                return Device;
            case InvalidInputException or IOException or UnauthorizedAccessException:
                return Input;
            case LedgerException or NotSupportedException:
                return Unexpected;
            case ExternalException:
                // libtorch adds the names of its functions, line by line.
                message = $"error: libtorch: {exception.Message.Split('\n')[0].Trim()}";
                return Unexpected;
            default:
                message = $"error: {exception.GetType().Name}: {Printable.Line(exception.Message)}";
                return Unexpected;
        }
    }
}
