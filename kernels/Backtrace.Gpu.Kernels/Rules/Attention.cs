namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>What the mask of an attention means.</summary>
public enum AttentionMask
{
    /// <summary>There is none.</summary>
    None,

    /// <summary>Not 0: the query sees the key.</summary>
    Boolean,

    /// <summary>Added to the scores.</summary>
    Additive,
}

/// <summary>
/// Sizes of an attention: queries [Samples, Heads, Queries, Width], keys [Samples, KeyHeads, Keys, Width], values [Samples, KeyHeads, Keys,
/// ValueWidth]. Heads / KeyHeads neighbouring heads of the queries share a head of the keys and values.
/// </summary>
public readonly record struct AttentionShape(int Samples, int Heads, int KeyHeads, int Queries, int Keys, int Width, int ValueWidth)
{
    /// <summary>Pairs of a sample and a head of the keys: they are independent of each other.</summary>
    public int Pairs => Samples * KeyHeads;

    /// <summary>Rows of queries per pair, over all heads that share its keys.</summary>
    public int Rows => Heads / KeyHeads * Queries;
}

/// <summary>
/// Scaled dot product attention, softmax(Scale · q·kᵀ + mask)·v, as one operator. Inputs: queries, keys, values, and the mask if there is one, which
/// broadcasts to [Samples, Heads, Queries, Keys].
/// </summary>
/// <param name="Shape">Sizes.</param>
/// <param name="Scale">Factor of the scores.</param>
/// <param name="IsCausal">True if query t sees the keys s ≤ t only.</param>
/// <param name="Mask">What input 3 means.</param>
public sealed record Attention(AttentionShape Shape, float Scale, bool IsCausal, AttentionMask Mask) : Operation
{
    /// <inheritdoc/>
    public override string Name => "Attention";

    /// <inheritdoc/>
    public override bool ReadsInput(int index) => true;

    /// <inheritdoc/>
    public override void Check(NodeShapes shapes)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        shapes.HasInputs(Mask == AttentionMask.None ? 3 : 4);
        shapes.Require(Shape.KeyHeads > 0 && Shape.Heads % Shape.KeyHeads == 0, $"{Shape.Heads} heads of queries cannot share {Shape.KeyHeads} heads of keys");
        shapes.Input(0, Shape.Samples, Shape.Heads, Shape.Queries, Shape.Width);
        shapes.Input(1, Shape.Samples, Shape.KeyHeads, Shape.Keys, Shape.Width);
        shapes.Input(2, Shape.Samples, Shape.KeyHeads, Shape.Keys, Shape.ValueWidth);
        shapes.Output(0, Shape.Samples, Shape.Heads, Shape.Queries, Shape.ValueWidth);
        if (Mask != AttentionMask.None)
            shapes.Stretches(3, [Shape.Samples, Shape.Heads, Shape.Queries, Shape.Keys]);
    }
}
