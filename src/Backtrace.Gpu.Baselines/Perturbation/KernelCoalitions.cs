using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// The coalitions that KernelSHAP looks at and their weights, chosen as shap's KernelExplainer does: sizes 1 and M - 1, 2 and M - 2, ... are enumerated as long as
/// the share of the budget that the Shapley kernel gives a size pays for all of its coalitions; the rest of the budget is drawn in pairs of a
/// coalition and its complement, and repeated ones gain weight instead of being evaluated again.
/// </summary>
internal sealed class KernelCoalitions
{
    private readonly int players;
    private readonly int budget;
    private readonly List<bool[]> members = [];
    private readonly List<double> weights = [];

    /// <param name="players">M, at least 2.</param>
    /// <param name="budget">Most coalitions; the empty one and that of all are not counted.</param>
    /// <param name="random">Where the drawn ones come from.</param>
    internal KernelCoalitions(int players, int budget, Random random)
    {
        this.players = players;
        this.budget = budget;
        double[] shares = Shares();
        int enumerated = Enumerate(shares);
        if (enumerated < shares.Length && members.Count < budget)
            Draw(shares, enumerated, random);
    }

    /// <summary>Weights; those of all coalitions of a size sum to the Shapley kernel's share of it.</summary>
    internal double[] Weights => [.. weights];

    /// <summary>Who is present: [K, players], booleans. The caller's.</summary>
    internal Tensor Members()
    {
        bool[] flat = new bool[members.Count * players];
        for (int k = 0; k < members.Count; k++)
            members[k].CopyTo(flat, k * players);
        return tensor(flat).view(members.Count, players);
    }

    // Sizes up to here have a complement of another size.
    private int Paired => (players - 1) / 2;

    /// <summary>Of sizes 1, 2, ..., each with its complement: the kernel (M - 1) / (C(M, s) s (M - s)), summed over the coalitions of the size, scaled to the sum 1.</summary>
    private double[] Shares()
    {
        double[] shares = new double[players / 2];
        for (int s = 1; s <= shares.Length; s++)
            shares[s - 1] = (players - 1.0) / ((double)s * (players - s)) * (s <= Paired ? 2 : 1);
        double sum = shares.Sum();
        return Array.ConvertAll(shares, share => share / sum);
    }

    private int Enumerate(double[] shares)
    {
        double left = budget, remaining = 1, count = 1;
        for (int s = 1; s <= shares.Length; s++)
        {
            count *= (players - s + 1.0) / s;
            double both = Math.Round(count) * (s <= Paired ? 2 : 1);
            if (budget < Math.Pow(2, players) - 2 && left * (shares[s - 1] / remaining) / both < 1 - 1e-8)
                return s - 1;
            left -= both;
            remaining -= shares[s - 1];
            foreach (bool[] member in OfSize(s))
            {
                Add(member, shares[s - 1] / both);
                if (s <= Paired)
                    Add(Complement(member), shares[s - 1] / both);
            }
        }

        return shares.Length;
    }

    private void Draw(double[] shares, int enumerated, Random random)
    {
        int first = members.Count;
        double[] chances = [.. shares.Skip(enumerated).Select((share, k) => share / (k + enumerated < Paired ? 2 : 1))]; // a pair is two draws
        double rest = shares.Skip(enumerated).Sum(), sum = chances.Sum();
        Dictionary<string, int> places = [];
        int[] order = [.. Enumerable.Range(0, players)];
        for (int draws = 4 * (budget - first); draws > 0 && members.Count < budget; draws--)
        {
            int k = 0;
            for (double at = random.NextDouble() * sum; k < chances.Length - 1 && at >= chances[k]; k++)
                at -= chances[k];
            int size = enumerated + k + 1;
            random.Shuffle(order);
            bool[] member = new bool[players];
            foreach (int player in order.AsSpan(0, size))
                member[player] = true;
            AddOrRepeat(member);
            if (size <= Paired)
                AddOrRepeat(Complement(member));
        }

        double drawn = weights.Skip(first).Sum();
        for (int k = first; k < weights.Count; k++)
            weights[k] *= rest / drawn;

        void AddOrRepeat(bool[] member)
        {
            string key = string.Create(players, member, (text, m) =>
            {
                for (int i = 0; i < text.Length; i++)
                    text[i] = m[i] ? '1' : '0';
            });
            if (places.TryGetValue(key, out int place))
            {
                weights[place]++;
            }
            else if (members.Count < budget)
            {
                places[key] = members.Count;
                Add(member, 1);
            }
        }
    }

    private void Add(bool[] member, double weight)
    {
        members.Add(member);
        weights.Add(weight);
    }

    private static bool[] Complement(bool[] member) => Array.ConvertAll(member, m => !m);

    private IEnumerable<bool[]> OfSize(int size)
    {
        int[] chosen = [.. Enumerable.Range(0, size)];
        while (true)
        {
            bool[] member = new bool[players];
            foreach (int player in chosen)
                member[player] = true;
            yield return member;
            int i = size - 1;
            while (i >= 0 && chosen[i] == players - size + i)
                i--;
            if (i < 0)
                yield break;
            chosen[i]++;
            for (int j = i + 1; j < size; j++)
                chosen[j] = chosen[j - 1] + 1;
        }
    }
}
