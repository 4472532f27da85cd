using System.Collections.Concurrent;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>
/// Where kernels run and their memory lives. On the CPU a kernel body is called directly, in parts, on <see cref="Workers"/>; on
/// OpenCL and CUDA it is compiled and launched by ILGPU. Backtracers on several threads may share a device: on OpenCL and CUDA their runs wait for each other. Code
/// that launches kernels itself uses such a device from one thread at a time.
/// </summary>
public sealed unsafe partial class Device : IDisposable
{
    /// <summary>Below this many entries a second CPU thread costs more than it saves.</summary>
    private const long ParallelThreshold = 1 << 15;

    /// <summary>Shares of the work per core of an OpenCL processor: enough to even out what else runs there.</summary>
    private const int GroupsPerProcessor = 4;

    private const int GpuGroupSize = 256;

    private const long AddressSpaceFloats = 1L << 45;

    private readonly Context context;
    private readonly ConcurrentDictionary<Type, object> launchers = new();
    private readonly MemoryBuffer? addressSpace;
    private readonly int groupSize;
    private readonly bool direct;
    private readonly IKernelLoader? loader;
    private readonly Lock? turn; // on the CPU nothing is shared

    private Device(Context context, Accelerator accelerator, DeviceKind kind, Workers workers, int groupSize, bool direct, IKernelLoader? loader = null)
    {
        this.context = context;
        Accelerator = accelerator;
        Kind = kind;
        Workers = workers;
        this.groupSize = groupSize;
        this.direct = direct;
        this.loader = loader;
        turn = direct ? null : new Lock();
        if (kind == DeviceKind.Cpu)
            addressSpace = CPUMemoryBuffer.Create((CPUAccelerator)accelerator, BaseAddress, AddressSpaceFloats, sizeof(float));
    }

    /// <summary>Kind of device.</summary>
    public DeviceKind Kind { get; }

    /// <summary>The ILGPU accelerator.</summary>
    public Accelerator Accelerator { get; }

    /// <summary>The CPU threads that kernels and contractions run on (CPU devices).</summary>
    public Workers Workers { get; }

    /// <summary>Name as the driver gives it.</summary>
    public string Name => Kind == DeviceKind.Cpu ? $"CPU, {Counted.Of(Workers.Count, "thread")}" : Accelerator.Name;

    /// <summary>Memory in bytes.</summary>
    public long MemoryBytes => Kind == DeviceKind.Cpu ? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes : Accelerator.MemorySize;

    /// <summary>The copies of cuBLAS to try on this device, in this order. They are loaded while they are enumerated.</summary>
    internal IEnumerable<CuBlasLibrary> CuBlas { get; set; } = [];

    /// <summary>True after <see cref="Dispose"/>: nothing runs on the device any more.</summary>
    internal bool IsDisposed { get; private set; }

    /// <summary>True if kernels are called directly, with vectors.</summary>
    internal bool IsDirect => direct;

    /// <summary>True if a thread handles a contiguous block of the work, as processors like it.</summary>
    internal bool IsProcessor => groupSize == 1;

    /// <summary>Threads of a group.</summary>
    internal int GroupSize => groupSize;

    // Views count in floats from here; the page at zero is never mapped.
    private static nint BaseAddress => 4096;

    /// <summary>The processor. <paramref name="workers"/> defaults to the .NET thread pool.</summary>
    public static Device Cpu(Workers? workers = null) => CreateCpu(workers ?? Workers.ThreadPool, 1, direct: true);

    /// <summary>The processor through ILGPU's own launches of <paramref name="groupSize"/> simulated threads: slow, to prove that geometry does not matter.</summary>
    public static Device SimulatedGpu(int groupSize) => CreateCpu(Workers.Single, groupSize, direct: false);

    /// <summary>A CUDA device whose memory is the host's, whose kernels <paramref name="loader"/> runs and whose cuBLAS is one of <paramref name="cuBlas"/>.</summary>
    internal static Device EmulatedCuda(IKernelLoader loader, params CuBlasLibrary[] cuBlas)
    {
        // ILGPU launches nothing here: as few of its threads as it accepts.
        Context context = Context.Create(b => b.CPU(new CPUDevice(2, 1, 1)).Optimize(OptimizationLevel.O2));
        return new Device(context, context.CreateCPUAccelerator(0), DeviceKind.Cuda, Workers.Single, GpuGroupSize, direct: false, loader) { CuBlas = cuBlas };
    }

    /// <summary>The OpenCL device with this index.</summary>
    /// <exception cref="DeviceException">There is none, or it cannot be opened.</exception>
    public static Device OpenCl(int index = 0)
    {
        DriverLibraries.Register();
        Context context = Context.Create(b => b.OpenCL(_ => true).Optimize(OptimizationLevel.O2));
        return Open(context, DeviceKind.OpenCl, index, context.GetCLDevices().Count, () => context.GetCLDevice(index).CreateAccelerator(context));
    }

    /// <summary>The CUDA device with this index.</summary>
    /// <exception cref="DeviceException">There is none, or it cannot be opened.</exception>
    public static Device Cuda(int index = 0)
    {
        IReadOnlyList<CudaDevice> devices = CudaDevices.Find();
        Context context = Context.Create(b => b.Optimize(OptimizationLevel.O2));
        Device device = Open(context, DeviceKind.Cuda, index, devices.Count, () => CudaDevices.Obstacle(devices[index]) is { } obstacle
            ? throw new DeviceException($"The Cuda device {index} ({devices[index].Name}) {obstacle}.")
            : devices[index].CreateAccelerator(context));
        device.CuBlas = CuBlasLibrary.Load(CuBlasFiles.Candidates());
        return device;
    }

    /// <summary>Launches an elementwise kernel over <paramref name="total"/> entries. <paramref name="workPerEntry"/> counts memory accesses, to decide on threads.</summary>
    public void Run<T>(in T kernel, long total, long workPerEntry = 1)
        where T : struct, IElementwise
    {
        if (total <= 0)
            return;
        if (!direct)
        {
            Launch(IsProcessor ? nameof(Drivers.ElementwiseWide) : nameof(Drivers.Elementwise), total, kernel);
            return;
        }

        int parts = Parts(total * workPerEntry);
        if (parts == 1)
        {
            Direct.Run(kernel, 0, total);
            return;
        }

        Task<T> task = new() { Kernel = kernel, Total = total, Block = ((total + parts - 1) / parts + 63) & ~63L };
        Workers.Run(parts, &ElementwisePart<T>, System.Runtime.CompilerServices.Unsafe.AsPointer(ref task));
    }

    /// <summary>Launches a kernel over <paramref name="total"/> independent items. <paramref name="workPerItem"/> counts memory accesses, to decide on threads.</summary>
    public void RunItems<T>(in T kernel, long total, long workPerItem = 1)
        where T : struct, IKernel
    {
        if (total <= 0)
            return;
        if (!direct)
        {
            Launch(nameof(Drivers.Items), total, kernel);
            return;
        }

        int parts = (int)Math.Min(Parts(total * workPerItem), total);
        if (parts == 1)
        {
            kernel.Run(new Share(0, total, 1));
            return;
        }

        Task<T> task = new() { Kernel = kernel, Total = total, Block = (total + parts - 1) / parts };
        Workers.Run(parts, &ItemsPart<T>, System.Runtime.CompilerServices.Unsafe.AsPointer(ref task));
    }

    /// <summary>Launches a kernel of cooperating threads: <paramref name="grid"/> groups of <paramref name="threads"/> each.</summary>
    public void RunGroups<T>(in T kernel, Index3D grid, int threads)
        where T : struct, IGroupKernel
    {
        if (direct)
            throw new InvalidOperationException($"{typeof(T).Name} is a kernel for GPUs.");
        if (grid.Size <= 0)
            return;
        try
        {
            ((Action<KernelConfig, T>)launchers.GetOrAdd(typeof(T), static (_, device) => device.Load<T>(), this))(new KernelConfig(grid, new Index3D(threads, 1, 1)), kernel);
        }
        catch (AcceleratorException e)
        {
            throw DeviceFault.On(Name, e);
        }
    }

    /// <summary>Waits until no other thread uses the device, and keeps the others waiting until the result is disposed. On the CPU nobody need wait.</summary>
    internal Lock.Scope TakeTurn() => turn is null ? default : turn.EnterScope();

    /// <summary>Waits until everything launched so far is done.</summary>
    public void Synchronize()
    {
        if (!direct)
            Try(Accelerator.Synchronize);
    }

    /// <summary>Host memory as a view, without copying. CPU devices only; the memory must outlive every use of the view. May be null if nothing is in it.</summary>
    public ArrayView<float> Wrap(float* memory, long length) => new(
        addressSpace ?? throw new InvalidOperationException("Only a CPU device sees host memory."),
        length == 0 ? 0 : ((nint)memory - BaseAddress) / sizeof(float),
        length);

    /// <summary>Copies <paramref name="length"/> floats from host memory.</summary>
    public void Upload(float* source, ArrayView<float> target, long length)
    {
        if (direct)
            Buffer.MemoryCopy(source, target.Pointer(), target.Length * sizeof(float), length * sizeof(float));
        else
            Transfer(length, (offset, count) => target.SubView(offset, count).CopyFromCPU(Accelerator.DefaultStream, new ReadOnlySpan<float>(source + offset, count)));
    }

    /// <summary>Copies <paramref name="length"/> floats to host memory and waits for them.</summary>
    public void Download(ArrayView<float> source, float* target, long length)
    {
        if (direct)
        {
            Buffer.MemoryCopy(source.Pointer(), target, length * sizeof(float), length * sizeof(float));
            return;
        }

        Transfer(length, (offset, count) => source.SubView(offset, count).CopyToCPU(Accelerator.DefaultStream, new Span<float>(target + offset, count)));
        Synchronize();
    }

    /// <summary>Copies memory of this device to another place, as the driver does it.</summary>
    public void CopyMemory(ArrayView<float> source, ArrayView<float> target)
    {
        if (direct)
            Buffer.MemoryCopy(source.Pointer(), target.Pointer(), target.Length * sizeof(float), source.Length * sizeof(float));
        else
            Try(() => source.CopyTo(Accelerator.DefaultStream, target));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        using Lock.Scope turnOfThis = TakeTurn();
        if (IsDisposed)
            return;
        IsDisposed = true;
        addressSpace?.Dispose();
        try
        {
            Accelerator.Dispose();
        }
        catch (AcceleratorException)
        {
            // A device that has failed refuses this too, and has said so before.
        }

        context.Dispose();
    }

    private static Device CreateCpu(Workers workers, int groupSize, bool direct)
    {
        CPUDevice shape = new(Math.Max(2, Math.Min(groupSize, 16)), Math.Max(1, groupSize / 16), 1);
        Context context = Context.Create(b => b.CPU(shape).Optimize(OptimizationLevel.O2));
        return new Device(context, context.CreateCPUAccelerator(0), DeviceKind.Cpu, workers, groupSize, direct);
    }

    private static Device Open(Context context, DeviceKind kind, int index, int count, Func<Accelerator> create)
    {
        try
        {
            if (index < 0 || index >= count)
                throw new DeviceException($"There is no {kind} device {index}: {count} found. 'backtrace devices' lists what there is.");
            Accelerator accelerator = create();
            return new Device(context, accelerator, kind, Workers.Single, RunsOnProcessor(accelerator) ? 1 : GpuGroupSize, direct: false);
        }
        catch (Exception e)
        {
            context.Dispose();
            if (e is DeviceException)
                throw;
            throw new DeviceException($"The {kind} device {index} cannot be opened: {e.Message}", e);
        }
    }

    // OpenCL on a processor wants what a processor wants: one long loop over neighbours per thread, which it turns into vectors.
    private static bool RunsOnProcessor(Accelerator accelerator) =>
        accelerator is CLAccelerator { Device: CLDevice { DeviceType: CLDeviceType.CL_DEVICE_TYPE_CPU } };

    private void Transfer(long length, Action<long, int> copy)
    {
        const int chunk = 1 << 28;
        Try(() =>
        {
            for (long offset = 0; offset < length; offset += chunk)
                copy(offset, (int)Math.Min(chunk, length - offset));
        });
    }

    private void Try(Action action)
    {
        try
        {
            action();
        }
        catch (AcceleratorException e)
        {
            throw DeviceFault.On(Name, e);
        }
    }

    private static void ElementwisePart<T>(void* state, int part)
        where T : struct, IElementwise
    {
        ref Task<T> task = ref System.Runtime.CompilerServices.Unsafe.AsRef<Task<T>>(state);
        Direct.Run(task.Kernel, Math.Min(part * task.Block, task.Total), Math.Min((part + 1) * task.Block, task.Total));
    }

    private static void ItemsPart<T>(void* state, int part)
        where T : struct, IKernel
    {
        ref Task<T> task = ref System.Runtime.CompilerServices.Unsafe.AsRef<Task<T>>(state);
        task.Kernel.Run(new Share(Math.Min(part * task.Block, task.Total), Math.Min((part + 1) * task.Block, task.Total), 1));
    }

    private int Parts(long work) => work < ParallelThreshold ? 1 : Workers.Count;

    private KernelConfig Geometry(long total)
    {
        if (groupSize == 1)
            return new KernelConfig((int)Math.Min(total, Kind == DeviceKind.Cpu ? 2 : Accelerator.NumMultiprocessors * GroupsPerProcessor), 1);
        long groups = Math.Min((total + groupSize - 1) / groupSize, 1 << 20);
        return new KernelConfig((int)groups, groupSize);
    }

    private void Launch<T>(string driver, long total, in T kernel)
        where T : struct
    {
        try
        {
            ((Action<KernelConfig, long, T>)launchers.GetOrAdd(typeof(T), static (_, from) => from.Device.Load<T>(from.Driver), (Device: this, Driver: driver)))(Geometry(total), total, kernel);
        }
        catch (AcceleratorException e)
        {
            throw DeviceFault.On(Name, e);
        }
    }

    private Action<KernelConfig, long, T> Load<T>(string driver)
        where T : struct
    {
        var body = typeof(Drivers).GetMethod(driver)!.MakeGenericMethod(typeof(T)).CreateDelegate<Action<long, T>>();
        if (loader != null)
            return loader.Load(body);
        if (Kind == DeviceKind.Cpu)
            return Accelerator.LoadStreamKernel(body);
        var launch = CompiledKernels.Load<Action<AcceleratorStream, KernelConfig, long, T>>(Accelerator, body);
        return (config, total, kernel) => launch(Accelerator.DefaultStream, config, total, kernel);
    }

    private Action<KernelConfig, T> Load<T>()
        where T : struct, IGroupKernel
    {
        Action<T> body = Drivers.Groups;
        if (loader != null)
            return loader.Load(body);
        if (Kind == DeviceKind.Cpu)
            return Accelerator.LoadStreamKernel(body);
        var launch = CompiledKernels.Load<Action<AcceleratorStream, KernelConfig, T>>(Accelerator, body);
        return (config, kernel) => launch(Accelerator.DefaultStream, config, kernel);
    }

    private struct Task<T>
    {
        public T Kernel;
        public long Total;
        public long Block;
    }
}
