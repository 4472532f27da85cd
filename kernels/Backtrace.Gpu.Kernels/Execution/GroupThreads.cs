using ILGPU;

namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>The threads of a group, whose number is a power of two: they meet in shared memory.</summary>
internal readonly struct GroupThreads : IRowThreads
{
    /// <summary>The most threads of such a group.</summary>
    public const int Most = 256;

    public static int Index => Group.IdxX;

    public static int Count => Group.DimX;

    public static float Sum(float mine) => Tree(mine, isSum: true);

    public static float Max(float mine) => Tree(mine, isSum: false);

    public static float SumBefore(float mine)
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(Most);
        int thread = Group.IdxX;
        shared[thread] = mine;
        Group.Barrier();
        for (int distance = 1; distance < Group.DimX; distance <<= 1)
        {
            float before = thread >= distance ? shared[thread - distance] : 0f;
            Group.Barrier();
            shared[thread] += before;
            Group.Barrier();
        }

        return shared[thread] - mine;
    }

    private static float Tree(float mine, bool isSum)
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(Most);
        int thread = Group.IdxX;
        shared[thread] = mine;
        Group.Barrier();
        for (int distance = Group.DimX / 2; distance > 0; distance >>= 1)
        {
            if (thread < distance)
            {
                float a = shared[thread], b = shared[thread + distance];
                shared[thread] = isSum ? a + b : IntrinsicMath.Max(a, b);
            }

            Group.Barrier();
        }

        // The memory may serve the next call.
        float all = shared[0];
        Group.Barrier();
        return all;
    }
}
