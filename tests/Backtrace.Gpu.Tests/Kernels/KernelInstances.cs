using System.Reflection;
using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Tests.Kernels;

/// <summary>Every kernel of the kernels assembly, generic ones closed over every type that their constraints allow.</summary>
internal static class KernelInstances
{
    private static readonly Type[] Structs = typeof(Device).Assembly.GetTypes().Where(t => t is { IsValueType: true, IsEnum: false, IsPrimitive: false }).ToArray();

    public static IEnumerable<Type> All { get; } =
        Structs.Where(t => Driver(t) != null).SelectMany(Close).OrderBy(Name, StringComparer.Ordinal).ToArray();

    /// <summary>The entry point that ILGPU compiles for a kernel on GPUs.</summary>
    public static MethodInfo EntryPoint(Type kernel) => Instance(Driver(kernel)!, kernel);

    /// <summary>The one for OpenCL on processors.</summary>
    public static MethodInfo WideEntryPoint(Type kernel) =>
        Instance(Driver(kernel) is nameof(Drivers.Elementwise) ? nameof(Drivers.ElementwiseWide) : Driver(kernel)!, kernel);

    public static string Name(Type type)
    {
        if (!type.IsGenericType)
            return type.DeclaringType is { IsGenericType: false } outer ? $"{outer.Name}.{type.Name}" : type.Name;
        string arguments = string.Join(", ", type.GetGenericArguments().Select(Name));
        string name = type.Name[..(type.Name.IndexOf('`') is var tick and >= 0 ? tick : type.Name.Length)];
        return $"{name}<{arguments}>";
    }

    private static MethodInfo Instance(string driver, Type kernel) => typeof(Drivers).GetMethod(driver)!.MakeGenericMethod(kernel);

    private static string? Driver(Type type)
    {
        Type[] interfaces = type.GetInterfaces();
        return interfaces.Contains(typeof(IElementwise)) ? nameof(Drivers.Elementwise)
            : interfaces.Contains(typeof(IKernel)) ? nameof(Drivers.Items)
            : interfaces.Contains(typeof(IGroupKernel)) ? nameof(Drivers.Groups)
            : null;
    }

    private static IEnumerable<Type> Close(Type type) =>
        !type.IsGenericTypeDefinition ? [type] : Choices(type.GetGenericArguments()).Select(type.MakeGenericType);

    private static IEnumerable<Type[]> Choices(IEnumerable<Type> parameters)
    {
        IEnumerable<Type[]> choices = [[]];
        foreach (Type parameter in parameters)
        {
            if (parameter.GetGenericParameterConstraints().Any(c => c.IsGenericType && c.GetGenericTypeDefinition() == typeof(ILane<>)))
            {
                choices = choices.Select(head => (Type[])[.. head, typeof(Octet)]).ToArray();
                continue;
            }

            Type[] constraints = parameter.GetGenericParameterConstraints().Where(c => c.IsInterface && !c.IsGenericType).ToArray();
            Type[] fitting = Structs.Where(s => constraints.Length > 0 && constraints.All(s.GetInterfaces().Contains)).SelectMany(Close).ToArray();
            choices = choices.SelectMany(head => fitting.Select(next => (Type[])[.. head, next])).ToArray();
        }

        return choices;
    }
}
