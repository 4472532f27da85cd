using Backtrace.Gpu.Graphs;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using TorchSharp;

namespace Backtrace.Gpu.Runs;

/// <summary>Brings what a run found to host memory. The caller owns the tensors.</summary>
internal static class SeedResult
{
    public static RelevanceStream Read(Device device, RelevanceGraph graph, SeedStream stream, LedgerBook book, bool rowsAreSamples)
    {
        torch.Tensor[] inputs = new torch.Tensor[graph.Inputs.Count];
        List<int> inputSlots = [];
        for (int k = 0; k < inputs.Length; k++)
        {
            Value value = graph.Inputs[k];
            Relevance? relevance = stream.ByValue[value.Id];
            inputs[k] = relevance is null ? torch.zeros(value.Sizes, torch.float32, torch.CPU).DetachFromDisposeScope() : Download(device, relevance.As(value.Sizes));
            inputSlots.AddRange(relevance?.Slots ?? []);
        }

        Dictionary<string, torch.Tensor> layers = stream.Kept.ToDictionary(k => k.Key, k => Download(device, k.Value.Relevance.As(k.Value.Shape)));
        List<LedgerLine> lines = new(stream.Accounts.Count);
        foreach (NodeAccount account in stream.Accounts)
        {
            lines.Add(new LedgerLine(
                account.Node.Name,
                account.Node.Operation.Name,
                book.Read(account.In),
                book.Read(account.Out),
                Entry(account, LedgerEntry.Bias),
                Entry(account, LedgerEntry.Dropped),
                book.Read([.. account.Constants, .. Slot(account, LedgerEntry.Constant)]))
            {
                Magnitude = book.Magnitude(account.In, account.Out, account.Constants),
            });
        }

        return new RelevanceStream(inputs, layers, new Ledger(lines, book.Read(stream.Start), book.Read(inputSlots)) { RowsAreSamples = rowsAreSamples });

        float[] Entry(NodeAccount account, LedgerEntry entry) => book.Read(Slot(account, entry));
    }

    private static int[] Slot(NodeAccount account, LedgerEntry entry) => account.Entries[(int)entry] is >= 0 and int slot ? [slot] : [];

    private static unsafe torch.Tensor Download(Device device, DeviceTensor source)
    {
        torch.Tensor target = torch.empty(source.Shape, torch.float32, torch.CPU);
        device.Download(source.Values, (float*)new Interop.RawTensor(target.Handle).Data, source.Length);
        target.DetachFromDisposeScope();
        return target;
    }
}
