using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>
/// target = left · right, one group of threads per tile of 64 by 64 entries, four by four of them per thread. With several parts, part p
/// sums the steps of chunk p only.
/// </summary>
internal unsafe struct TiledProduct<TLeft, TRight> : IGroupKernel
    where TLeft : struct, ITiledLeft
    where TRight : struct, ITiledRight
{
    public TLeft Left;
    public TRight Right;
    public TiledTarget Target;
    public int Depth;
    public int ColumnTiles;

    public readonly void Run()
    {
        ArrayView<Quad> leftTile = SharedMemory.Allocate<Quad>(TiledLayout.Depth * TiledLayout.Pitch);
        ArrayView<Quad> rightTile = SharedMemory.Allocate<Quad>(TiledLayout.Depth * TiledLayout.Pitch);
        ArrayView<float> leftFloats = leftTile.Cast<float>();
        ArrayView<float> rightFloats = rightTile.Cast<float>();
        int thread = Group.IdxX;
        int tile = Grid.IdxX;
        int group = Grid.IdxY;
        int part = Grid.IdxZ;
        int rowTile = tile / ColumnTiles;
        long row = (long)rowTile * TiledLayout.Lines;
        long column = (long)(tile - rowTile * ColumnTiles) * TiledLayout.Lines;
        int step = part * TiledLayout.Chunk;
        int last = Grid.DimZ > 1 ? IntrinsicMath.Min(step + TiledLayout.Chunk, Depth) : Depth;

        TLeft left = Left;
        TRight right = Right;
        left.Open(group, row, step, thread);
        right.Open(group, column, step, thread);
        int y = thread >> 4;
        int x = thread & 15;
        Quad total0 = default, total1 = default, total2 = default, total3 = default;
        Quad a = left.Next();
        Quad b = right.Next();
        while (step < last)
        {
            int end = IntrinsicMath.Min(step + TiledLayout.Chunk, last);
            Quad sum0 = default, sum1 = default, sum2 = default, sum3 = default;
            for (; step < end; step += TiledLayout.Depth)
            {
                TLeft.Place(leftFloats, thread, a);
                TRight.Place(rightFloats, thread, b);
                Group.Barrier();

                // The next tile travels while this one is worked on.
                a = left.Next();
                b = right.Next();
                for (int k = 0; k < TiledLayout.Depth; k++)
                {
                    Quad l = leftTile[k * TiledLayout.Pitch + y];
                    Quad r = rightTile[k * TiledLayout.Pitch + x];
                    sum0 = Quad.MultiplyAdd(sum0, l.X, r);
                    sum1 = Quad.MultiplyAdd(sum1, l.Y, r);
                    sum2 = Quad.MultiplyAdd(sum2, l.Z, r);
                    sum3 = Quad.MultiplyAdd(sum3, l.W, r);
                }

                Group.Barrier();
            }

            total0 += sum0;
            total1 += sum1;
            total2 += sum2;
            total3 += sum3;
        }

        row += y * 4;
        column += x * 4;
        Target.Store(part, group, row, column, total0);
        Target.Store(part, group, row + 1, column, total1);
        Target.Store(part, group, row + 2, column, total2);
        Target.Store(part, group, row + 3, column, total3);
    }
}
