using Backtrace.Gpu.Interop;
using TorchSharp;
using TorchSharp.Modules;

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
        using WeightFiles files = WeightFiles.OpenFile(path);
        Load(module, files);
    }

    /// <summary>As <see cref="Load(torch.nn.Module, string)"/>, from files that are already open.</summary>
    /// <param name="module">Any module; its parameter and buffer names must be those of the files.</param>
    /// <param name="files">The weights.</param>
    /// <param name="type">Floating type of parameters that have no memory yet, such as those of a <see cref="Llama"/>; others keep theirs.</param>
    /// <exception cref="StateDictException">Names, shapes or kinds of element differ, or a batch normalisation has a negative variance.</exception>
    public static void Load(torch.nn.Module module, WeightFiles files, torch.ScalarType type = torch.ScalarType.Float32)
    {
        Dictionary<string, torch.Tensor> targets = module.state_dict();
        IDerivedWeights? network = module as IDerivedWeights;
        Check(targets, files, name => IsOptional(name) || network?.IsDerived(name) == true, network);
        using (torch.no_grad())
        {
            foreach ((string name, torch.Tensor target) in targets)
            {
                if (!files.Contains(name) || target.device_type == DeviceType.META)
                    continue;
                using torch.Tensor source = files.ToTensor(name);
                target.copy_(source);
            }
            Assign(module, files, type);
        }
        module.eval();
    }

    /// <summary>Writes a module's parameters and buffers under PyTorch's names.</summary>
    /// <param name="module">Any module.</param>
    /// <param name="path">Path of the file; replaced when it exists.</param>
    /// <param name="metadata">Strings for the header.</param>
    /// <param name="type">Type that floating values are rounded to; null keeps theirs.</param>
    public static void Save(torch.nn.Module module, string path, IReadOnlyDictionary<string, string>? metadata = null, torch.ScalarType? type = null)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor Rounded(torch.Tensor value) => value.is_floating_point() ? value.to_type(type ?? value.dtype) : value;
        SafeTensors.Save(path, module.state_dict().Select(p => KeyValuePair.Create(p.Key, Rounded(p.Value))), metadata);
    }

    // After the copies: it replaces tensors that state_dict() listed. A layer of TorchSharp has a settable property per parameter.
    private static void Assign(torch.nn.Module module, WeightFiles files, torch.ScalarType type)
    {
        foreach ((string path, torch.nn.Module layer) in module.named_modules())
        {
            foreach ((string name, Parameter parameter) in layer.named_parameters(recurse: false).ToList())
            {
                if (parameter.device_type != DeviceType.META)
                    continue;
                using torch.Tensor source = files.ToTensor($"{path}.{name}");
                Parameter value = new(source.to(type));
                value.DetachFromDisposeScope();
                layer.GetType().GetProperty(name)!.SetValue(layer, value);
            }
        }
    }

    private static void Check(Dictionary<string, torch.Tensor> targets, WeightFiles files, Func<string, bool> isOptional, IDerivedWeights? network)
    {
        List<string> missing = [.. targets.Keys.Where(name => !files.Contains(name) && !isOptional(name))];
        List<string> unexpected = [], mismatched = [];
        foreach (SafeTensorInfo info in files.Tensors)
        {
            if (!targets.TryGetValue(info.Name, out torch.Tensor? target))
            {
                if (!isOptional(info.Name))
                    unexpected.Add(info.Name);
                else if (network?.Twin(info.Name) is { } twin && files.Contains(twin) && !Equal(files, info.Name, twin))
                    mismatched.Add($"{info.Name}: differs from {twin}, which stands for it by the configuration");
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
        mismatched.AddRange(NegativeVariances(targets, files));
        if (missing.Count + unexpected.Count + mismatched.Count > 0)
            throw new StateDictException(files.Path, missing, unexpected, mismatched);
    }

    private static bool Equal(WeightFiles files, string a, string b)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor first = files.ToTensor(a), second = files.ToTensor(b);
        return first.shape.SequenceEqual(second.shape) && first.eq(second).all().item<bool>();
    }

    // The square root of a negative variance would turn every later value into NaN.
    private static IEnumerable<string> NegativeVariances(Dictionary<string, torch.Tensor> targets, WeightFiles files)
    {
        foreach (SafeTensorInfo info in files.Tensors)
        {
            if (!info.Name.EndsWith("running_var", StringComparison.Ordinal) || !targets.ContainsKey(info.Name) || info.Count == 0)
                continue;
            using torch.Tensor values = files.ToTensor(info.Name);
            using torch.Tensor least = values.min();
            if (least.ToDouble() < 0)
                yield return $"{info.Name}: holds a negative variance";
        }
    }

    private static bool IsOptional(string name) => name == Optional || name.EndsWith("." + Optional, StringComparison.Ordinal);
}
