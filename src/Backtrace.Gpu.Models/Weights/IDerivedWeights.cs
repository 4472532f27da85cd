namespace Backtrace.Gpu.Models;

/// <summary>A network that computes or shares some tensors which weight files may hold all the same.</summary>
internal interface IDerivedWeights
{
    /// <summary>True for a tensor that need not be loaded.</summary>
    bool IsDerived(string tensor);

    /// <summary>For a derived tensor the one that it must equal where a file holds both; null for none.</summary>
    string? Twin(string tensor) => null;
}
