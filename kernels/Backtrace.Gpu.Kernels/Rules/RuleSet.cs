namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>Which rule serves which operation, and which layers have a rule of their own. Immutable: <c>With</c> makes a changed copy.</summary>
public sealed partial class RuleSet
{
    private readonly Dictionary<Type, Rule> rules;
    private readonly Dictionary<string, Rule> layers;

    // Sets are made from others: here, because the order of initialisers in several files is nobody's promise.
    static RuleSet()
    {
        Backtrace = CreateBacktrace();
        V1 = CreateV1();
        V2 = CreateV2();
        Faithful = CreateFaithful();
    }

    private RuleSet(Dictionary<Type, Rule> rules, Dictionary<string, Rule> layers, bool testsSaturation)
    {
        this.rules = rules;
        this.layers = layers;
        TestsSaturation = testsSaturation;
    }

    /// <summary>Whether the activation that follows a layer may silence saturated units (rules.md, B.1).</summary>
    public bool TestsSaturation { get; }

    /// <summary>True if a rule of the set is signed.</summary>
    public bool IsSigned => rules.Values.Concat(layers.Values).Any(rule => rule.IsSigned);

    /// <summary>The rule for an operation, or for the kind of operation that it is a special case of; or null.</summary>
    public Rule? Find(Operation operation)
    {
        for (Type? type = operation.GetType(); type is not null; type = type.BaseType)
        {
            if (rules.TryGetValue(type, out Rule? rule))
                return rule;
        }

        return null;
    }

    /// <summary>The rule for a layer: its own if it has one, else that of its operation, or null.</summary>
    public Rule? Find(string layer, Operation operation) => layers.GetValueOrDefault(layer) ?? Find(operation);

    /// <summary>True if a rule that may serve a node of this operation reads the values of input <paramref name="index"/>.</summary>
    public bool ReadsInput(Operation operation, int index) =>
        (Find(operation)?.ReadsInput(operation, index) ?? operation.ReadsInput(index)) || OwnRules(operation).Any(rule => rule.ReadsInput(operation, index));

    /// <summary>True if a rule that may serve a node of this operation reads the values of its output.</summary>
    public bool ReadsOutput(Operation operation, Mode mode) =>
        (Find(operation)?.ReadsOutput(operation, mode) ?? operation.ReadsOutput(mode)) || OwnRules(operation).Any(rule => rule.ReadsOutput(operation, mode));

    /// <summary>The operations that have a rule.</summary>
    public IReadOnlyCollection<Type> Operations => rules.Keys;

    /// <summary>The layers that have a rule of their own.</summary>
    public IReadOnlyDictionary<string, Rule> Layers => layers;

    /// <summary>A copy in which <paramref name="rule"/> is added or replaces the one for the same operation.</summary>
    public RuleSet With(Rule rule) => new(new Dictionary<Type, Rule>(rules) { [rule.Serves] = rule }, layers, TestsSaturation);

    /// <summary>
    /// A copy in which one layer has a rule of its own, such as <c>layer3.0.conv1</c>. Explaining a model without that layer, or one where it
    /// is of another operation than the rule serves, fails.
    /// </summary>
    public RuleSet With(string layer, Rule rule) => new(rules, new Dictionary<string, Rule>(layers) { [layer] = rule }, TestsSaturation);

    private IEnumerable<Rule> OwnRules(Operation operation) => layers.Count == 0 ? [] : layers.Values.Where(rule => rule.Serves.IsInstanceOfType(operation));

    private RuleSet WithoutSaturation() => new(rules, layers, testsSaturation: false);

    private static RuleSet Of(params ReadOnlySpan<Rule> all)
    {
        Dictionary<Type, Rule> rules = [];
        foreach (Rule rule in all)
            rules.Add(rule.Serves, rule);
        return new RuleSet(rules, [], testsSaturation: true);
    }
}
