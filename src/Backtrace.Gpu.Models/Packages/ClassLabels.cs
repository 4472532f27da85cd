using Backtrace.Gpu.Kernels;

namespace Backtrace.Gpu.Models;

/// <summary>What a published classifier says of its classes.</summary>
internal static class ClassLabels
{
    internal const string MultiLabel = "multi_label_classification", SingleLabel = "single_label_classification", Regression = "regression";

    /// <summary>Whether outputs are values of their own; left open, a single output is one.</summary>
    internal static bool IsRegression(string? type, int count) => type is null ? count == 1 : type == Regression;

    /// <summary>What contradicts itself or is unknown, or null.</summary>
    /// <param name="count">Number of classes, where the file says it outright.</param>
    /// <param name="names">Their names by number, where there are some.</param>
    /// <param name="type">What the classes are.</param>
    internal static string? Problem(int? count, IReadOnlyDictionary<string, string>? names, string? type)
    {
        if (type is not (null or SingleLabel or MultiLabel or Regression))
            return $"problem_type is \"{type}\"; only {SingleLabel}, {MultiLabel} and {Regression} are supported";
        if (names is null)
            return null;
        if (Enumerable.Range(0, names.Count).FirstOrDefault(number => !names.ContainsKey($"{number}"), -1) is >= 0 and int missing)
            return $"id2label has {Counted.Of(names.Count, "name")} and none for class {missing}";
        return count is { } stated && stated != names.Count ? $"num_labels is {stated}, and id2label has {Counted.Of(names.Count, "name")}" : null;
    }
}
