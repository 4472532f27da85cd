namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>A task whose parts pack into scratch memory.</summary>
internal unsafe interface ICpuTask
{
    /// <summary>Sets the scratch memory: <paramref name="floats"/> per part.</summary>
    void Use(float* slabs, nint floats);
}
