using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>A matrix whose steps lie side by side.</summary>
internal unsafe struct StepsInnermost : ITiledLeft, ITiledRight
{
    public ArrayView<float> Values;
    public int Mask;
    public long Lines;
    public int Depth;

    /// <summary>Entries from one group to the next.</summary>
    public long Stride;
    private long at;
    private long line;
    private int step;

    public void Open(int group, long line, int step, int thread)
    {
        this.line = line + (thread >> 4);
        this.step = step + (thread & 15);
        at = group * Stride + this.line * Depth + this.step;
    }

    public Quad Next()
    {
        float* values = Values.Pointer();
        bool inside = step < Depth;
        long stride = 16L * Depth;
        Quad quad = new()
        {
            X = TiledLayout.Read(values, at, inside & line < Lines, Mask),
            Y = TiledLayout.Read(values, at + stride, inside & line + 16 < Lines, Mask),
            Z = TiledLayout.Read(values, at + 2 * stride, inside & line + 32 < Lines, Mask),
            W = TiledLayout.Read(values, at + 3 * stride, inside & line + 48 < Lines, Mask),
        };
        step += TiledLayout.Depth;
        at += TiledLayout.Depth;
        return quad;
    }

    public static void Place(ArrayView<float> tile, int thread, Quad values) => TiledLayout.PlaceAlongSteps(tile, thread, values);
}

/// <summary>A matrix whose lines lie side by side.</summary>
internal unsafe struct LinesInnermost : ITiledLeft, ITiledRight
{
    public ArrayView<float> Values;
    public int Mask;
    public long Lines;
    public int Depth;

    /// <summary>Entries from one group to the next.</summary>
    public long Stride;
    private long at;
    private int step;
    private int within;

    public void Open(int group, long line, int step, int thread)
    {
        long mine = line + (thread & 63);
        within = mine < Lines ? 1 : 0;
        this.step = step + (thread >> 6);
        at = group * Stride + this.step * Lines + mine;
    }

    public Quad Next()
    {
        float* values = Values.Pointer();
        bool inside = within != 0;
        Quad quad = new()
        {
            X = TiledLayout.Read(values, at, inside & step < Depth, Mask),
            Y = TiledLayout.Read(values, at + 4 * Lines, inside & step + 4 < Depth, Mask),
            Z = TiledLayout.Read(values, at + 8 * Lines, inside & step + 8 < Depth, Mask),
            W = TiledLayout.Read(values, at + 12 * Lines, inside & step + 12 < Depth, Mask),
        };
        step += TiledLayout.Depth;
        at += TiledLayout.Depth * Lines;
        return quad;
    }

    public static void Place(ArrayView<float> tile, int thread, Quad values) => TiledLayout.PlaceAlongLines(tile, thread, values);
}

/// <summary>The weights of a convolution, transposed: lines are the input channels of a group, steps its output channels and taps.</summary>
internal unsafe struct TransposedWeights : ITiledLeft
{
    public ArrayView<float> Values;
    public int Mask;
    public int Lines;
    public int Depth;
    public int Taps;
    private long line;
    private int step;
    private int channel;
    private int tap;
    private int group;

    public void Open(int group, long line, int step, int thread)
    {
        this.group = group;
        this.line = line + (thread >> 4);
        this.step = step + (thread & 15);
        channel = this.step / Taps;
        tap = this.step - channel * Taps;
    }

    public Quad Next()
    {
        float* values = Values.Pointer();
        bool inside = step < Depth;
        long channels = Depth / Taps;
        long at = ((group * channels + channel) * Lines + line) * Taps + tap;
        long stride = 16L * Taps;
        Quad quad = new()
        {
            X = TiledLayout.Read(values, at, inside & line < Lines, Mask),
            Y = TiledLayout.Read(values, at + stride, inside & line + 16 < Lines, Mask),
            Z = TiledLayout.Read(values, at + 2 * stride, inside & line + 32 < Lines, Mask),
            W = TiledLayout.Read(values, at + 3 * stride, inside & line + 48 < Lines, Mask),
        };
        step += TiledLayout.Depth;
        channel += TiledLayout.Depth / Taps;
        tap += TiledLayout.Depth % Taps;
        if (tap >= Taps)
        {
            tap -= Taps;
            channel++;
        }

        return quad;
    }

    public static void Place(ArrayView<float> tile, int thread, Quad values) => TiledLayout.PlaceAlongSteps(tile, thread, values);
}
