using System.Runtime.CompilerServices;
using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>Convolutions as lists of taps over packed sources: one part of a task.</summary>
internal static unsafe class CpuConvolution
{
    /// <summary>Computes the units of part <paramref name="part"/> and runs the epilogue over each as soon as it is complete.</summary>
    public static void Run<TEpilogue>(in CpuConvolutionTask task, in TEpilogue epilogue, int part, int parts)
        where TEpilogue : struct, IElementwise
    {
        float* slab = task.Slabs + (part * task.Slab);
        int items = task.Batch * task.Groups;
        int begin = (int)((long)task.Units * part / parts), end = (int)((long)task.Units * (part + 1) / parts);
        int index = -1, group = -1;
        CpuConvolutionPiece piece = default;
        float* weights = null;
        for (int unit = begin; unit < end; unit++)
        {
            int item = unit % items, g = item / task.Batch, n = item % task.Batch;
            if (unit / items != index)
            {
                index = unit / items;
                piece = CpuConvolutionPiece.Of(task, index);
                CpuConvolutionLists.Write(task, piece, slab);
                group = task.CutChannels ? -1 : group;
            }

            if (g != group)
            {
                group = g;
                weights = CpuConvolutionPack.Weights(task, piece, g, slab);
                CpuConvolutionPack.Bias(task, piece, g, slab + piece.Bias);
            }

            nint sample = ((nint)n * task.Groups) + g;
            CpuConvolutionPack.Source(task, piece, task.Source + (sample * task.SourceChannels * task.SourceVolume), slab + piece.Box);
            nint place = ((sample * task.ResultChannels) + piece.ChannelBegin) * task.ResultVolume;
            Compute(task, piece, slab, weights, task.Result + place);
            if (typeof(TEpilogue) != typeof(NoEpilogue))
                Finish(task, piece, place, epilogue);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Compute(in CpuConvolutionTask task, in CpuConvolutionPiece piece, float* slab, float* weights, float* result)
    {
        int* list = (int*)(slab + piece.Lists);
        int* taps = (int*)(slab + piece.TapList);
        int* vectors = (int*)(slab + piece.VectorList);
        int steps = task.W.ResultStep;
        for (int d = 0; d < task.D.ResultStep; d++)
        {
            for (int h = 0; h < task.H.ResultStep; h++, list += 2 * steps)
            {
                for (int c = 0; c < piece.Channels; c += piece.Chunk)
                {
                    int* tap = taps;
                    int* vector = vectors;
                    int rows = Math.Min(piece.Chunk, piece.Channels - c);
                    var tile = new CpuTileTask
                    {
                        A = weights + (c / task.Tile.Rows * piece.WeightBlock),
                        ABlock = piece.WeightBlock,
                        AStride = piece.WeightRow,
                        Rows = rows,
                        InitStride = task.Bias == null ? 0 : task.Tile.Lanes,
                        CStride = piece.InPlace ? task.ResultVolume : (nint)piece.PhaseLength * steps,
                    };
                    tile.Init0 = tile.Init1 = tile.Init2 = tile.Init3 = slab + piece.Bias + (c * tile.InitStride);
                    float* rowResult = result + (c * task.ResultVolume);
                    for (int w = 0; w < steps; w++)
                    {
                        tile.Taps = tap;
                        tile.TapCount = list[2 * w];
                        float* target = piece.InPlace ? rowResult : slab + piece.Results + (w * piece.PhaseLength);
                        Tiles(task.Tile, ref tile, slab + piece.Box, target, vector, list[(2 * w) + 1]);
                        tap += 2 * list[2 * w];
                        vector += 2 * list[(2 * w) + 1];
                    }

                    if (!piece.InPlace)
                        CpuConvolutionStore.Rows(task, piece, d, h, slab + piece.Results, rowResult, rows);
                }

                for (int w = 0; w < steps; w++)
                {
                    taps += 2 * list[2 * w];
                    vectors += 2 * list[(2 * w) + 1];
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tiles(CpuTile kernels, ref CpuTileTask shared, float* source, float* target, int* vector, int count)
    {
        var tile = shared;
        int* last = vector + (2 * (count - 1));
        if (tile.Rows == 1)
        {
            for (; vector <= last; vector += 8)
            {
                int* v1 = Min(vector + 2, last), v2 = Min(vector + 4, last), v3 = Min(vector + 6, last);
                tile.B0 = source + vector[0];
                tile.C0 = target + vector[1];
                tile.B1 = source + v1[0];
                tile.C1 = target + v1[1];
                tile.B2 = source + v2[0];
                tile.C2 = target + v2[1];
                tile.B3 = source + v3[0];
                tile.C3 = target + v3[1];
                kernels.Narrow(&tile);
            }

            return;
        }

        while (vector <= last)
        {
            int take = CpuTile.Take((int)(last - vector) / 2 + 1);
            int* v1 = Min(vector + 2, last), v2 = Min(vector + 4, last);
            tile.B0 = source + vector[0];
            tile.C0 = target + vector[1];
            tile.B1 = source + v1[0];
            tile.C1 = target + v1[1];
            tile.B2 = source + v2[0];
            tile.C2 = target + v2[1];
            kernels.For(take)(&tile);
            vector += 2 * take;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int* Min(int* a, int* b) => a < b ? a : b;

    /// <summary>Runs the epilogue over the results of a piece, of which the first channel begins at <paramref name="place"/>.</summary>
    public static void Finish<TEpilogue>(in CpuConvolutionTask task, in CpuConvolutionPiece piece, nint place, in TEpilogue epilogue)
        where TEpilogue : struct, IElementwise
    {
        nint volume = task.ResultVolume;
        nint line = task.CutsDepth ? (nint)task.H.Result * task.W.Result : task.CutsHeight ? task.W.Result : 1;
        CpuAxis axis = task.CutsDepth ? task.D : task.CutsHeight ? task.H : task.W;
        nint begin = (nint)(task.CutsDepth ? piece.DBegin : task.CutsHeight ? piece.HBegin : piece.WBegin) * axis.ResultStep * line;
        nint end = Math.Min((nint)(task.CutsDepth ? piece.DEnd : task.CutsHeight ? piece.HEnd : piece.WEnd) * axis.ResultStep * line, volume);
        if (begin == 0 && end == volume)
        {
            Direct.Run(epilogue, place, place + (piece.Channels * volume));
            return;
        }

        for (int c = 0; c < piece.Channels; c++, place += volume)
            Direct.Run(epilogue, place + begin, place + end);
    }
}
