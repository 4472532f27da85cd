using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>An array in host memory with a row-major shape.</summary>
public sealed record HostTensor
{
    /// <param name="values">As many values as the shape says. Not copied.</param>
    /// <param name="shape">Sizes.</param>
    /// <exception cref="ArgumentException">There are more or fewer values than that.</exception>
    public HostTensor(float[] values, params long[] shape)
    {
        ArgumentNullException.ThrowIfNull(values);
        ArgumentNullException.ThrowIfNull(shape);
        if (shape.Any(size => size < 0) || DeviceTensor.Count(shape) != values.Length)
            throw new ArgumentException($"{Counted.Of(values.Length, "value")} cannot have the shape [{string.Join(", ", shape)}].", nameof(values));
        Values = values;
        Shape = shape;
    }

    /// <summary>The values, row-major.</summary>
    public float[] Values { get; }

    /// <summary>Sizes.</summary>
    public long[] Shape { get; }
}
