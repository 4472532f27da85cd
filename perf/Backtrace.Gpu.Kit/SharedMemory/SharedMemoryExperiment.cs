using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kit.Report;
using ILGPU;
using ILGPU.Runtime.Cuda;
using Device = Backtrace.Gpu.Kernels.Execution.Device;

namespace Backtrace.Gpu.Kit.SharedMemory;

/// <summary>
/// Whether kernels of this project reach memory of a device's primary context, where libtorch keeps its tensors: from ILGPU's own context as it
/// is, or after ILGPU was made to use the primary one. The first step that fails ends it, as it may take the context along.
/// </summary>
internal sealed class SharedMemoryExperiment : IDisposable
{
    private const int Length = 1 << 20;
    private const string Unit = "1 = yes";

    private readonly KitOptions options;
    private readonly bool adopts;
    private readonly CudaDriver driver = CudaDriver.Open();
    private readonly int ordinal;
    private readonly Device device;
    private readonly Arena arena;
    private readonly nint primary;
    private readonly ulong address;
    private readonly ArrayView<float> foreign;
    private readonly ArrayView<float> own;
    private bool isDisposed;

    private SharedMemoryExperiment(KitOptions options, bool adopts)
    {
        this.options = options;
        this.adopts = adopts;
        device = Device.Parse(options.Device);

        // The question is about kernels.
        device.CuBlas = [];
        ordinal = ((CudaAccelerator)device.Accelerator).DeviceId;
        primary = driver.RetainPrimary(ordinal);
        if (adopts)
            PrimaryContext.Adopt(driver, device.Accelerator, primary);
        address = driver.Allocate(primary, Values(1));
        foreign = new ArrayView<float>(new ForeignMemory(device.Accelerator, address, Length), 0, Length);
        arena = new Arena(device);
        own = arena.Rent(Length).View.SubView(0, Length);
    }

    /// <summary>Adds the answer to the figures. It is a question, not a test: nothing fails.</summary>
    internal static void Run(KitOptions options, bool adopts, Figures figures)
    {
        string name = $"libtorch's context, ILGPU in {(adopts ? "that one" : "its own")}";
        List<string> done = [];
        string step = "opened";
        try
        {
            using SharedMemoryExperiment experiment = new(options, adopts);
            foreach ((string next, Action action) in adopts ? experiment.Steps().Concat(experiment.StepsInPrimary()) : experiment.Steps())
            {
                step = next;
                action();
                done.Add(next);
            }

            figures.Add(name, 1, Unit, $"works: {string.Join(", ", done)}");
        }
#pragma warning disable CA1031 // What it was is the answer.
        catch (Exception e)
#pragma warning restore CA1031
        {
            figures.Add(name, 0, Unit, $"not {step}: {Fault.Text(e)}{(done.Count > 0 ? $"; before that, {string.Join(", ", done)}" : "")}");
        }
    }

    public void Dispose()
    {
        if (isDisposed)
            return;
        isDisposed = true;
        arena.Dispose();
        if (adopts)
            PrimaryContext.Disown(device.Accelerator);
        device.Dispose();
    }

    private IEnumerable<(string Step, Action Action)> Steps() =>
    [
        ("copied by the driver", () =>
        {
            device.CopyMemory(foreign, own);
            Expect(Download(), Values(1));
        }),
        ("read by a kernel", () =>
        {
            device.Run(new Fill { Target = own, Value = 0 }, Length);
            device.Run(new Copy { Source = foreign, Target = own }, Length, 2);
            Expect(Download(), Values(1));
        }),
        ("written by a kernel", () =>
        {
            device.Run(new Accumulate { Source = own, Target = foreign }, Length, 3);
            device.Synchronize();
            Expect(driver.Read(primary, address, Length), Values(2));
        }),
    ];

    private IEnumerable<(string Step, Action Action)> StepsInPrimary() =>
    [
        ("written from another thread", () =>
        {
            OnAnotherThread(() =>
            {
                device.Run(new Accumulate { Source = own, Target = foreign }, Length, 3);
                device.Synchronize();
            });
            Expect(driver.Read(primary, address, Length), Values(3));
        }),
        ("golden cases computed", () =>
        {
            foreach (string mode in new[] { "default", "contrastive" })
            {
                (int passed, int failed, _) = GoldenCases.Run(() => device, options.Fixtures, mode);
                if (failed > 0 || passed == 0)
                    throw new InvalidOperationException($"{failed} of {passed + failed} failed");
            }
        }),
        ("kept when ILGPU is disposed of", () =>
        {
            Dispose();
            Expect(driver.Read(primary, address, Length), Values(3));
            driver.Free(primary, address);
            driver.ReleasePrimary(ordinal);
        }),
    ];

    private static void OnAnotherThread(Action action)
    {
        Exception? failure = null;
        Thread thread = new(() =>
        {
#pragma warning disable CA1031 // It is thrown again below.
            try
            {
                action();
            }
            catch (Exception e)
            {
                failure = e;
            }
#pragma warning restore CA1031
        });
        thread.Start();
        thread.Join();
        if (failure is not null)
            throw failure;
    }

    private static float[] Values(int times)
    {
        float[] values = new float[Length];
        for (int k = 0; k < Length; k++)
            values[k] = times * (k % 1000);
        return values;
    }

    private unsafe float[] Download()
    {
        float[] values = new float[Length];
        fixed (float* target = values)
            device.Download(own, target, Length);
        return values;
    }

    private static void Expect(float[] actual, float[] expected)
    {
        int at = actual.AsSpan().CommonPrefixLength(expected);
        if (at < expected.Length)
            throw new InvalidOperationException($"entry {at} is {actual[at]}, not {expected[at]}");
    }
}
