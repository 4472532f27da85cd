using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules.Contrast;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent;

/// <summary>
/// Contrastive mode through one direction of one layer, in the form of wide dense layers (rules.md, E.1, E.2): masses from S and the gates' parts, and
/// back |x|·|W|ᵀα + x·Wᵀβ of both streams; units with a small mass term by term.
/// </summary>
internal sealed class ContrastivePass(RuleContext supporting, RuleContext opposing, CellDirection direction)
{
    private readonly CellShape shape = direction.Shape;
    private readonly CellDirection direction = direction;

    /// <param name="relevance">Relevance of the layer's result in both streams.</param>
    /// <param name="carryH">Relevance of the last h, which becomes that of the first, [2, N, U].</param>
    /// <param name="carryC">The same of c.</param>
    /// <param name="targets">Relevance of the layer's input in both streams.</param>
    public void Apply(
        (ArrayView<float> Supporting, ArrayView<float> Opposing) relevance,
        ArrayView<float> carryH,
        ArrayView<float> carryC,
        (ArrayView<float> Supporting, ArrayView<float> Opposing) targets)
    {
        long units = shape.Units, width = shape.Width, own = shape.Rows * units, state = shape.Batch * units;
        CellViews views = direction.Views;
        LinearShape ofInput = direction.InputProduct, ofState = direction.StateProduct((int)shape.Rows);
        views.MassX = supporting.Scratch(2 * shape.Rows * width);
        views.MassH = supporting.Scratch(2 * shape.Rows * width);
        LinearUnits x = LinearUnits.Of(supporting, ofInput, direction.Input, direction.InputWeight, direction.InputBias, views.X, views.MassX);
        LinearUnits h = LinearUnits.Of(supporting, ofState, views.Hidden, direction.StateWeight, direction.StateBias, views.H, views.MassH);
        (views.Relevance, views.Opposing) = relevance;
        views.CarryH = carryH;
        views.CarryC = carryC;
        views.Direct = supporting.Scratch(2 * state);
        views.ToX = supporting.Scratch(4 * shape.Rows * width);
        views.ToH = supporting.Scratch(4 * shape.Batch * width);
        views.Lost = supporting.Scratch(2 * own);
        ArrayView<float> products = supporting.Scratch(4 * state);
        foreach ((int first, int rows) in direction.Steps(backwards: true))
        {
            direction.Kernels.Streams(supporting.Device, views, shape, first, rows);
            long length = rows * units;
            UnbalancedShares shares = new()
            {
                X = views.Hidden.SubView(first * units, length),
                W = direction.StateWeight,
                List = h.List.SubView(first * (width + 1), rows * (width + 1)),
                Shares = views.ToH,
                Supporting = views.Direct.SubView(0, length),
                Opposing = views.Direct.SubView(state, length),
                Clears = direction.Kernels.IsGated ? 0 : 1,
            };
            Back(direction.StateProduct(rows), shares, products, (carryH.SubView(0, length), carryH.SubView(state, length)));
        }

        UnbalancedShares all = new()
        {
            X = direction.Input,
            W = direction.InputWeight,
            List = x.List,
            Shares = views.ToX,
            Supporting = targets.Supporting,
            Opposing = targets.Opposing,
            Clears = shape.ResultOffset == 0 ? 1 : 0,
        };
        Back(ofInput, all, supporting.Scratch(4 * direction.Input.Length), targets);
        supporting.Keep(LedgerEntry.Dropped, new ValueTerm { Values = views.Lost.SubView(0, own) }, own);
        opposing.Keep(LedgerEntry.Dropped, new ValueTerm { Values = views.Lost.SubView(own, own) }, own);
    }

    // What the units hand to their inputs, and what lies where the listed units add theirs.
    private void Back(
        LinearShape product, UnbalancedShares shares, ArrayView<float> products, (ArrayView<float> Supporting, ArrayView<float> Opposing) targets)
    {
        long entries = (long)product.Rows * product.Inputs, plane = (long)product.Rows * product.Outputs;
        (shares.Rows, shares.Inputs, shares.Outputs) = (product.Rows, product.Inputs, product.Outputs);
        LaneItems.Run(supporting.Device, shares, product.Rows, product.Inputs);
        JoinStreams join = new()
        {
            X = shares.X,
            U = products.SubView(0, 2 * entries),
            V = products.SubView(2 * entries, 2 * entries),
            Entries = entries,
            BaseSupporting = shares.Supporting,
            BaseOpposing = shares.Opposing,
            Supporting = targets.Supporting,
            Opposing = targets.Opposing,
        };
        LinearShape doubled = product with { Rows = 2 * product.Rows };
        IContraction contraction = supporting.Contraction;
        contraction.LinearTransposed(doubled, Operand.Of(shares.Shares.SubView(0, 2 * plane)), Operand.Abs(shares.W), join.U, default(NoEpilogue));
        contraction.LinearTransposed(doubled, Operand.Of(shares.Shares.SubView(2 * plane, 2 * plane)), Operand.Of(shares.W), join.V, default(NoEpilogue));
        supporting.Device.Run(join, entries, workPerEntry: 9);
    }
}
