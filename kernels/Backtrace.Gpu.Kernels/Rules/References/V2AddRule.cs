using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.References;

/// <summary>Every operand of a sum gets the same part, whatever its values (rules.md, C.10), as in the second implementation. A number gets none.</summary>
public sealed class V2AddRule : StreamwiseRule<Add>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, Add operation)
    {
        ArrayView<float> relevance = context.Relevance().Values;
        float share = 1f / operation.Addends.Count;
        for (int k = 0; k < operation.Addends.Count; k++)
        {
            if (operation.Addends[k].IsConstant)
            {
                ArrayView<float> part = context.Scratch(relevance.Length);
                context.Device.Run(new Scale { Source = relevance, Target = part, Factor = share }, relevance.Length);
                context.Keep(LedgerEntry.Constant, new ValueTerm { Values = part }, relevance.Length);
            }
            else
            {
                StridedMap.SumTo(context.InputShape(k), context.OutputShape()).Run(context.Device, relevance, context.Give(k).Values, new StridedSum { Factor = share });
            }
        }
    }
}
