namespace Backtrace.Gpu.Graphs;

/// <summary>Which operator of libtorch becomes which node. Each family registers its operators in its own file.</summary>
internal static partial class Lowerings
{
    // Made of operators that have rules, for people's convenience.
    private static readonly HashSet<string> Composites =
    [
        "einsum", "tensordot", "inner", "outer", "ger", "kron", "fliplr", "flipud", "rot90", "hstack", "vstack", "dstack", "row_stack", "column_stack",
        "atleast_1d", "atleast_2d", "atleast_3d", "ravel", "hsplit", "vsplit", "dsplit", "adjoint", "mH", "diff", "meshgrid", "cartesian_prod", "combinations",
        "linalg_multi_dot", "linalg_matrix_power", "linalg_norm", "frobenius_norm", "linalg_vecdot", "msort", "diagflat", "block_diag",
        "ldexp", "fft_fftshift", "fft_ifftshift", "quantile", "nanquantile",
    ];

    private static readonly Dictionary<string, Lowering> Table;

    /// <summary>Operators whose rule reads nothing, so that their in-place form need not keep what it overwrites. Those with a saturation test do read.</summary>
    private static readonly HashSet<string> Identities;

    // Runs after the fields of all parts of this class.
    static Lowerings()
    {
        Table = CreateTable();
        Identities = [.. ActivationNames.Except(["tanh", "sigmoid"]), .. NormalisationNames, "pow", "clamp_min", "dropout"];
    }

    /// <summary>The lowering of an operator (its name without in-place underscore), or null.</summary>
    public static Lowering? Find(string name) => Table.GetValueOrDefault(name);

    /// <summary>True for operators that are recorded as those that they call.</summary>
    public static bool IsComposite(string name) => Composites.Contains(name);

    /// <summary>All operators that can be recorded.</summary>
    public static IEnumerable<string> Operators => Table.Keys.Concat(Composites).Concat(ComplexNames);

    public static bool IsInPlaceIdentity(string name) => Identities.Contains(name[..^1]);

    /// <summary>True for operators whose results carry no relevance.</summary>
    public static bool CarriesNothing(string name) => WithoutRelevance.Contains(name);

    private static Dictionary<string, Lowering> CreateTable()
    {
        Dictionary<string, Lowering> table = [];
        RegisterAffine(table);
        RegisterAttention(table);
        RegisterTransformers(table);
        RegisterIdentities(table);
        RegisterSums(table);
        RegisterNorms(table);
        RegisterPooling(table);
        RegisterReductions(table);
        RegisterShapes(table);
        RegisterIndexing(table);
        RegisterScattering(table);
        RegisterUpsampling(table);
        RegisterSampling(table);
        RegisterEmbeddings(table);
        RegisterRecurrent(table);
        return table;
    }

    private static void RegisterAll(Dictionary<string, Lowering> table, ReadOnlySpan<string> names, Lowering lowering)
    {
        foreach (string name in names)
            table.Add(name, lowering);
    }
}
