namespace Backtrace.Gpu.Models;

/// <summary>A model cannot be loaded: its folder, description or weights are missing, damaged or do not fit each other.</summary>
public class ModelException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">One sentence that names the file and what is wrong with it.</param>
    /// <param name="inner">The cause, if another exception reported it.</param>
    public ModelException(string message, Exception? inner = null) : base(message, inner)
    {
    }
}
