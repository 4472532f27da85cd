namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>Which rule serves which operation. Immutable: <see cref="With"/> makes a changed copy.</summary>
public sealed partial class RuleSet
{
    private readonly Dictionary<Type, Rule> rules;

    private RuleSet(Dictionary<Type, Rule> rules) => this.rules = rules;

    /// <summary>The rule for an operation, or null.</summary>
    public Rule? Find(Operation operation) => rules.GetValueOrDefault(operation.GetType());

    /// <summary>The operations that have a rule.</summary>
    public IReadOnlyCollection<Type> Operations => rules.Keys;

    /// <summary>A copy in which <paramref name="rule"/> is added or replaces the one for the same operation.</summary>
    public RuleSet With(Rule rule) => new(new Dictionary<Type, Rule>(rules) { [rule.Serves] = rule });

    private static RuleSet Of(params ReadOnlySpan<Rule> all)
    {
        Dictionary<Type, Rule> rules = [];
        foreach (Rule rule in all)
            rules.Add(rule.Serves, rule);
        return new RuleSet(rules);
    }
}
