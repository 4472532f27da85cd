using Backtrace.Gpu.Kernels.Contraction;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>
/// The products of an attention's block, O = A·V and S = Q·Kᵀ forward and backward: queries, keys and values lie in arrays of all rows and keys, outputs,
/// weights and scores side by side. Sums over queries are added to what earlier blocks gave.
/// </summary>
internal readonly struct AttentionProducts(AttentionShape shape)
{
    private readonly long ofQueries = (long)shape.Rows * shape.Width;
    private readonly long ofKeys = (long)shape.Keys * shape.Width;
    private readonly long ofValues = (long)shape.Keys * shape.ValueWidth;

    /// <summary>Q·Kᵀ.</summary>
    public ProductShape Scores(AttentionBlock block) =>
        new(block.Pairs, block.Rows, block.Keys, shape.Width) { TransposedB = true, StrideA = ofQueries, StrideB = ofKeys };

    /// <summary>A·V.</summary>
    public ProductShape Outputs(AttentionBlock block) => new(block.Pairs, block.Rows, shape.ValueWidth, block.Keys) { StrideB = ofValues };

    /// <summary>Coefficients of the outputs times Vᵀ.</summary>
    public ProductShape ToWeights(AttentionBlock block) => new(block.Pairs, block.Rows, block.Keys, shape.ValueWidth) { TransposedB = true, StrideB = ofValues };

    /// <summary>Aᵀ times coefficients of the outputs, added.</summary>
    public ProductShape ToValues(AttentionBlock block) =>
        new(block.Pairs, block.Keys, shape.ValueWidth, block.Rows) { TransposedA = true, Accumulates = true, StrideC = ofValues };

    /// <summary>Coefficients of the scores times K.</summary>
    public ProductShape ToQueries(AttentionBlock block) => new(block.Pairs, block.Rows, shape.Width, block.Keys) { StrideB = ofKeys, StrideC = ofQueries };

    /// <summary>Coefficients of the scores, transposed, times Q, added.</summary>
    public ProductShape ToKeys(AttentionBlock block) =>
        new(block.Pairs, block.Keys, shape.Width, block.Rows) { TransposedA = true, Accumulates = true, StrideB = ofQueries, StrideC = ofKeys };
}
