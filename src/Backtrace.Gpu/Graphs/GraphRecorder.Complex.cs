using Backtrace.Gpu.Interop;
using TorchSharp;

namespace Backtrace.Gpu.Graphs;

// Complex tensors hold no relevance themselves: their real and imaginary parts do, which the recorder computes beside them.
internal sealed partial class GraphRecorder
{
    private readonly Dictionary<Value, (Value Real, Value Imaginary)> parts = [];

    /// <summary>
    /// Real and imaginary part of a value, as recorded tensors; the imaginary one is null where the value is real. Null for a complex value that depends on the input in
    /// a way that is not followed.
    /// </summary>
    internal (torch.Tensor Real, torch.Tensor? Imaginary)? Parts(Value value)
    {
        if (parts.TryGetValue(value, out (Value Real, Value Imaginary) known))
            return (known.Real.ToTensor(), known.Imaginary.ToTensor());
        if (!IsComplex(value))
            return (value.ToTensor(), null);
        if (value.IsDynamic)
            return null;
        using var quiet = OperatorTap.Quietly();
        torch.Tensor all = value.ToTensor();
        return (all.real.contiguous(), all.imag.contiguous());
    }

    /// <summary>True if <see cref="Parts"/> knows the value.</summary>
    internal bool HasParts(Value value) => !value.IsDynamic || !IsComplex(value) || parts.ContainsKey(value);

    /// <summary>Records the two parts of a call's complex result.</summary>
    internal void RewriteParts(OperatorCall call, Func<(torch.Tensor Real, torch.Tensor Imaginary)> written)
    {
        foreach (Value argument in DynamicInputs(call.Arguments))
            current[argument.Held.Identity] = argument;
        using var temporary = torch.NewDisposeScope();
        (torch.Tensor Real, torch.Tensor Imaginary) result;
        using (OperatorTap.Aloud())
            result = written();
        parts[call.Output] = (Known(result.Real), Known(result.Imaginary));
        call.Emit(new Refused(call.Name, "is complex: explain its real or imaginary part, or its magnitude"), PartsOf([call.Output]));

        Value Known(torch.Tensor part)
        {
            RawTensor raw = new(part.Handle);
            return current.TryGetValue(raw.Identity, out Value? value) ? value : Register(raw);
        }
    }

    /// <summary>The values, and for complex ones their parts.</summary>
    internal Value[] PartsOf(Value[] values) =>
        [.. values.SelectMany(value => parts.TryGetValue(value, out (Value Real, Value Imaginary) known) ? [known.Real, known.Imaginary] : new[] { value })];

    internal static bool IsComplex(Value value) => value.Held.IsDefined && value.Held.Type is torch.ScalarType.ComplexFloat32 or torch.ScalarType.ComplexFloat64;
}
