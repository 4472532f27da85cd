namespace Backtrace.Gpu.Baselines;

/// <summary>
/// Which features KernelSHAP lets have a value. The others get 0; the values of the chosen ones are not shrunk. The path is that of least angles throughout, where shap's
/// <c>aic</c> follows the lasso's, and its columns are not scaled as shap's are, so that close decisions may fall otherwise.
/// </summary>
public enum L1
{
    /// <summary>All.</summary>
    None,

    /// <summary>The first <see cref="KernelShapOptions.NumFeatures"/> on the path of least angles, as shap's <c>num_features(k)</c>.</summary>
    NumFeatures,

    /// <summary>Those of the point of the path with the least Akaike criterion, as shap's <c>aic</c>.</summary>
    Aic,

    /// <summary><see cref="Aic"/> where less than a fifth of all coalitions are looked at, else <see cref="None"/>, as shap's <c>auto</c>.</summary>
    Auto,
}
