using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli;

/// <summary>A model of the repository, where the command line names none.</summary>
internal static class DefaultModel
{
    /// <exception cref="UsageException">The program was copied away from its repository; says which option names another model.</exception>
    internal static ModelPackage Load(string name, string option) => ModelFolders.Names().Contains(name) || Directory.Exists(name)
        ? ModelPackage.Load(name)
        : throw new UsageException($"{option}: the default, {name}, is a model of the repository of this program, which was not found from here; name a folder of your own, or set {ModelFolders.Variable}.");
}
