using ILGPU;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>
/// An operand of a tiled product as a matrix of lines and steps, wherever its entries come from. It carries the calling thread's
/// position: <see cref="Open"/> sets it, <see cref="Next"/> reads four entries and moves 16 steps on.
/// </summary>
internal interface ITiledSource
{
    /// <summary>Goes to the tile at <paramref name="line"/>, <paramref name="step"/>.</summary>
    void Open(int group, long line, int step, int thread);

    /// <summary>The thread's four entries of the tile; 0 outside the operand.</summary>
    Quad Next();

    /// <summary>Stores them in shared memory.</summary>
    static abstract void Place(ArrayView<float> tile, int thread, Quad values);
}

/// <summary>A source that serves as the left operand, whose lines are the rows of the product.</summary>
internal interface ITiledLeft : ITiledSource;

/// <summary>A source that serves as the right operand, whose lines are the columns of the product.</summary>
internal interface ITiledRight : ITiledSource;
