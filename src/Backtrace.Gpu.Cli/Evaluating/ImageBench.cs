using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Cli.Demo;
using Backtrace.Gpu.Cli.Explaining;
using Backtrace.Gpu.Cli.Pages;
using Backtrace.Gpu.Cli.Pictures;
using Backtrace.Gpu.Evaluation.Experiments;
using Backtrace.Gpu.Models;
using static TorchSharp.torch;
using Samples = Backtrace.Gpu.Baselines.Samples;

namespace Backtrace.Gpu.Cli.Evaluating;

/// <summary>Pictures. A feature is a pixel with its channels.</summary>
internal sealed class ImageBench : Bench
{
    private const int Usual = 20, Quick = 2;
    private const double BlurShare = 0.15;
    private readonly IReadOnlyList<ImageInput> pictures;
    private readonly Features features;
    private readonly List<Subject> subjects = [];

    internal ImageBench(ModelPackage package, EvaluateRequest request, CancellationToken cancellation) : base(package, request)
    {
        if (package.Description is not { Preprocessing: ImagePreprocessing { Flatten: false } preprocessing, Architecture: not UNetArchitecture })
            throw new UsageException($"{package.Name} is no classifier of pictures in channels, [N, C, H, W]; evaluate image needs one.");
        Preprocessing = preprocessing;
        Model = new ExplainedModel(package.Module);
        Data = request.Data ?? DemoData.Default("cifar10");
        features = Features.Pixels(preprocessing.Channels, preprocessing.Height, preprocessing.Width);
        pictures = Read(request.Samples ?? (request.IsQuick ? Quick : Usual), cancellation);
        foreach (ImageInput picture in pictures)
        {
            Tensor absent = request.Absent == AbsentPixels.Blur ? GaussianBlur.Of(picture.Values, Sigma) : zeros_like(picture.Values);
            subjects.Add(new Subject(Path.GetFileName(picture.Path), new Samples(picture.Values, tensor(new[] { Answer(Model, picture.Values) }), absent, features)));
        }
    }

    internal ImagePreprocessing Preprocessing { get; }

    internal override ExplainedModel Model { get; }

    internal override IReadOnlyList<Subject> Subjects => subjects;

    internal override (string One, string Many) Inputs => ("picture", "pictures");

    internal override string Absent => Request.Absent == AbsentPixels.Blur
        ? FormattableString.Invariant($"the same place of the blurred picture (Gaussian, sigma {Sigma:0.#} pixels)")
        : "the mean colour that pictures are normalised with";

    internal override string Data { get; }

    private protected override IEnumerable<string> LeftOut => ImageSource.Remark(Data) is { } remark ? [remark] : [];

    internal override string ExampleWidth => "130px";

    private double Sigma => BlurShare * Math.Min(Preprocessing.Width, Preprocessing.Height);

    internal override Markup ExampleHead(int subject)
    {
        HeatMap plain = new([], pictures[subject].Rgb.Span, Preprocessing.Width, Preprocessing.Height);
        string answer = Package.Description.Classes[(int)subjects[subject].Samples.Targets.item<long>()];
        return $"""<figure class="sample"><img alt="{subjects[subject].Name}" src="{Png.Uri(plain.PicturePng())}"><figcaption><b>{answer}</b><br>{subjects[subject].Name}</figcaption></figure>""";
    }

    internal override Markup Example(int subject, string method, float[] attributions)
    {
        HeatMap map = new(attributions, pictures[subject].Rgb.Span, Preprocessing.Width, Preprocessing.Height);
        return $"""<figure><img alt="{method}" src="{Png.Uri(map.OverlayPng())}"><figcaption>{method}</figcaption></figure>""";
    }

    public override void Dispose()
    {
        base.Dispose();
        features.Dispose();
    }

    // Of a folder only the drawn pictures are read: there may be many large ones.
    private IReadOnlyList<ImageInput> Read(int count, CancellationToken cancellation)
    {
        if (!File.Exists(Data) || !CifarImages.IsCifar(Data))
            return ImageSource.Read(Draw(ImageSource.Expand(Data), count, Request.Seed), Preprocessing.Read, cancellation);
        List<ImageInput> all = CifarImages.Read(Data, Preprocessing);
        IReadOnlyList<ImageInput> drawn = Draw(all, count, Request.Seed);
        foreach (ImageInput other in all.Except(drawn, ReferenceEqualityComparer.Instance).Cast<ImageInput>())
            other.Dispose();
        return drawn;
    }
}
