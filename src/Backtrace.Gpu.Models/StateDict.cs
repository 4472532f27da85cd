using Backtrace.Gpu.Interop;
using TorchSharp;

namespace Backtrace.Gpu.Models;

/// <summary>Fills a module from a safetensors file with PyTorch's parameter names.</summary>
public static class StateDict
{
    // Counts training batches; inference never reads it and exporters often leave it out.
    private const string Optional = "num_batches_tracked";

    /// <summary>Copies the weights in and switches the module to evaluation mode. The module is untouched when the file does not fit.</summary>
    /// <param name="module">Any module; its parameter and buffer names must be the file's.</param>
    /// <param name="path">Path of the file. Floating types are converted to the module's.</param>
    /// <exception cref="ModelException">There is no such file.</exception>
    /// <exception cref="StateDictException">Names, shapes or kinds of element differ, or a batch normalisation has a negative variance.</exception>
    /// <exception cref="SafeTensorsException">The file is damaged, or a weight is NaN or infinite.</exception>
    public static void Load(torch.nn.Module module, string path)
    {
        if (!File.Exists(path))
            throw new ModelException($"{path}: there is no such weight file.");
        using SafeTensorsFile file = SafeTensors.Open(path, checkFinite: true);
        Load(module, file);
    }

    /// <summary>As <see cref="Load(torch.nn.Module, string)"/>, from a file that is already open and was opened with its values checked.</summary>
    /// <exception cref="StateDictException">Names, shapes or kinds of element differ, or a batch normalisation has a negative variance.</exception>
    public static void Load(torch.nn.Module module, SafeTensorsFile file)
    {
        Dictionary<string, torch.Tensor> targets = module.state_dict();
        Check(targets, file);
        using (torch.no_grad())
        {
            foreach ((string name, torch.Tensor target) in targets)
            {
                if (!file.Contains(name))
                    continue;
                using torch.Tensor source = file.ToTensor(name);
                target.copy_(source);
            }
        }
        module.eval();
    }

    /// <summary>Writes a module's parameters and buffers under PyTorch's names.</summary>
    /// <param name="module">Any module.</param>
    /// <param name="path">Path of the file; replaced when it exists.</param>
    /// <param name="metadata">Strings for the header.</param>
    public static void Save(torch.nn.Module module, string path, IReadOnlyDictionary<string, string>? metadata = null) =>
        SafeTensors.Save(path, module.state_dict(), metadata);

    private static void Check(Dictionary<string, torch.Tensor> targets, SafeTensorsFile file)
    {
        List<string> missing = [.. targets.Keys.Where(name => !file.Contains(name) && !IsOptional(name))];
        List<string> unexpected = [], mismatched = [];
        foreach (SafeTensorInfo info in file.Tensors)
        {
            if (!targets.TryGetValue(info.Name, out torch.Tensor? target))
            {
                if (!IsOptional(info.Name))
                    unexpected.Add(info.Name);
            }
            else if (!info.Shape.SequenceEqual(target.shape))
            {
                mismatched.Add($"{info.Name}: {info.ShapeText} in the file, [{string.Join(", ", target.shape)}] in the model");
            }
            else if (info.Type.IsFloating() != target.is_floating_point())
            {
                mismatched.Add($"{info.Name}: {info.Type.Code()} in the file, {target.dtype} in the model");
            }
        }
        mismatched.AddRange(NegativeVariances(targets, file));
        if (missing.Count + unexpected.Count + mismatched.Count > 0)
            throw new StateDictException(file.Path, missing, unexpected, mismatched);
    }

    // The square root of a negative variance would turn every later value into NaN.
    private static IEnumerable<string> NegativeVariances(Dictionary<string, torch.Tensor> targets, SafeTensorsFile file)
    {
        foreach (SafeTensorInfo info in file.Tensors)
        {
            if (!info.Name.EndsWith("running_var", StringComparison.Ordinal) || !targets.ContainsKey(info.Name) || info.Count == 0)
                continue;
            using torch.Tensor values = file.ToTensor(info.Name);
            using torch.Tensor least = values.min();
            if (least.ToDouble() < 0)
                yield return $"{info.Name}: holds a negative variance";
        }
    }

    private static bool IsOptional(string name) => name == Optional || name.EndsWith("." + Optional, StringComparison.Ordinal);
}
