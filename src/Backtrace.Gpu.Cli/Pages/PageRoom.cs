namespace Backtrace.Gpu.Cli.Pages;

/// <summary>Room for pictures inside a page: with more than this it would take long to open. The first one is let in, whatever its size.</summary>
/// <param name="bytes">How much room there is.</param>
internal sealed class PageRoom(long bytes = 16 << 20)
{
    private long used;

    /// <summary>Whether something that is written into the page still has room; what comes after something that had none has none either.</summary>
    internal bool Takes(long size)
    {
        if (used > bytes)
            return false;
        bool isFirst = used == 0;
        used += size;
        return used <= bytes || isFirst;
    }
}
