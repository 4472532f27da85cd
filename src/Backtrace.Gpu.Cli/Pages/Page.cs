using System.Reflection;
using Backtrace.Gpu.Kernels;

namespace Backtrace.Gpu.Cli.Pages;

/// <summary>The frame of every page: one file without scripts that loads nothing.</summary>
internal static class Page
{
    private static readonly Lazy<string> Style = new(() =>
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("page.css")!;
        using StreamReader reader = new(stream);
        return reader.ReadToEnd();
    });

    internal static void Write(string path, string title, Markup lead, Markup body, Markup foot) => WholeFile.WriteText(path, Text(title, lead, body, foot));

    internal static string Text(string title, Markup lead, Markup body, Markup foot)
    {
        Markup page = $"""
            <title>{title}</title>
            </head>
            <body>
            <header><h1>{title}</h1>{lead}</header>
            <main>{body}</main>
            <footer>{foot}</footer>
            </body>
            </html>

            """;
        return $"""
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width,initial-scale=1">
            <style>
            {Style.Value}</style>
            {page}
            """;
    }
}
