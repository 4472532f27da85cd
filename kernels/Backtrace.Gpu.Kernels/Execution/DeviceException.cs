namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>A device is missing, cannot be opened, or is out of memory.</summary>
public sealed class DeviceException : Exception
{
    /// <summary>Says what is wrong and what to do.</summary>
    public DeviceException(string message)
        : base(message)
    {
    }

    /// <summary>Says what is wrong and what to do, with the cause.</summary>
    public DeviceException(string message, Exception? inner)
        : base(message, inner)
    {
    }

    /// <summary>For serializers.</summary>
    public DeviceException()
    {
    }
}
