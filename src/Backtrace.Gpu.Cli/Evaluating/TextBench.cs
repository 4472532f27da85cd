using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Cli.Demo;
using Backtrace.Gpu.Cli.Explaining;
using Backtrace.Gpu.Cli.Pages;
using Backtrace.Gpu.Evaluation.Experiments;
using Backtrace.Gpu.Kernels;
using Backtrace.Gpu.Models;
using static TorchSharp.torch;
using Samples = Backtrace.Gpu.Baselines.Samples;

namespace Backtrace.Gpu.Cli.Evaluating;

/// <summary>Texts that a model judges or continues. A feature is a token; those that stand for no text, such as [CLS], stay.</summary>
internal sealed class TextBench : Bench
{
    private const int Usual = 100, Quick = 4, Fewest = 4;
    private readonly IReadOnlyList<Passage> passages;
    private readonly List<Subject> subjects = [];
    private readonly long absentToken;
    private readonly string absentName;
    private int tooLong, tooShort;

    internal TextBench(ModelPackage package, EvaluateRequest request, CancellationToken cancellation) : base(package, request)
    {
        int count = request.Samples ?? (request.IsQuick ? Quick : Usual);
        if (package.Module is LanguageModel language)
        {
            Data = request.Data ?? "stories of the model itself";
            Model = new ExplainedModel(language, ids => language.LastLogits(ids, 1).select(1, 0), EmbeddingOf(package));
            (absentToken, absentName) = (0, package.PromptTokenizer!.TokenText(0));
            passages = request.Data is { } file
                ? Draw(Usable(StoryPrompts.FromFile(file, package.PromptTokenizer!).Where(text => Fits(text.Pieces.Count > language.MaximumLength))), count, request.Seed)
                : [.. Usable(StoryPrompts.FromModel(language, package.PromptTokenizer!, count, request.Seed, cancellation)).Take(count)];
        }
        else
        {
            if (package.Module is not TextClassifier)
                throw new UsageException($"{package.Name} classifies no texts and continues none; evaluate text needs a model that does either.");
            Data = request.Data ?? DemoData.Default(Path.Combine("sst2", "glue_dev.tsv"));
            Model = new ExplainedModel(package.Module, EmbeddingOf(package));
            absentName = package.Description.Architecture switch { LstmArchitecture => "[UNK]", RobertaArchitecture => "<mask>", _ => "[MASK]" };
            absentToken = IdOf(package, absentName);
            passages = Draw(Usable(Sentences(package, Data)), count, request.Seed);
        }

        foreach (Passage passage in passages)
        {
            long feature = 0;
            using Tensor groups = tensor(passage.Pieces.Select(piece => piece.IsSpecial ? -1 : feature++).ToArray());
            Tensor input = tensor(passage.Pieces.Select(piece => piece.Id).ToArray(), [1, passage.Pieces.Count]);
            subjects.Add(new Subject(passage.Name, new Samples(input, tensor(new[] { Answer(Model, input) }), tensor(new[] { absentToken }, [1, 1]), new Features(groups))));
        }
    }

    internal override ExplainedModel Model { get; }

    internal override IReadOnlyList<Subject> Subjects => subjects;

    internal override (string One, string Many) Inputs => Package.Module is LanguageModel ? ("beginning of a story, whose next token is explained", "beginnings of stories, whose next token is explained") : ("sentence", "sentences");

    internal override string Absent => $"the token {absentName}";

    internal override string Data { get; }

    private protected override IEnumerable<string> LeftOut
    {
        get
        {
            if (tooShort > 0)
                yield return $"{Counted.Of(tooShort, "text is", "texts are")} left out: fewer than {Fewest} tokens.";
            if (tooLong > 0)
                yield return $"{Counted.Of(tooLong, "text is", "texts are")} left out: longer than the model takes.";
        }
    }

    internal override string ExampleWidth => "480px";

    internal override Markup ExampleHead(int subject)
    {
        long answer = subjects[subject].Samples.Targets.item<long>();
        string said = Package is { Module: LanguageModel, PromptTokenizer: { } tokenizer } ? $"goes on with \u201c{Piece.TextOfChoice(answer, tokenizer)}\u201d" : $"judged {Package.Description.Classes[(int)answer]}";
        return $"<h3>{subjects[subject].Name}: {said}</h3>";
    }

    internal override Markup Example(int subject, string method, float[] attributions)
    {
        double total = Math.Max(attributions.Sum(value => Math.Abs((double)value)), double.Epsilon);
        return $"""<article class="card"><h3>{method}</h3>{TokenLine.Inline(passages[subject].Pieces, [.. attributions.Select(value => (float)(value / total))])}</article>""";
    }

    public override void Dispose()
    {
        foreach (Subject subject in subjects)
            subject.Samples.Features.Dispose();
        base.Dispose();
    }

    private static string EmbeddingOf(ModelPackage package) => package.Description.Architecture switch
    {
        BertArchitecture => "bert.embeddings.word_embeddings",
        DistilBertArchitecture => "distilbert.embeddings.word_embeddings",
        RobertaArchitecture => "roberta.embeddings.word_embeddings",
        LlamaArchitecture => "model.embed_tokens",
        LstmArchitecture => "embedding",
        _ => throw new UsageException($"{package.Name}: evaluate text knows Llama and the classifiers BERT, DistilBERT, RoBERTa and LSTM; this is another network."),
    };

    private static long IdOf(ModelPackage package, string token)
    {
        IEnumerable<(string Text, long Id)> known = package.Tokenizer is { } tokenizer
            ? tokenizer.Pieces.Select((piece, id) => (piece, (long)id))
            : Pairs(package.PromptTokenizer!.Tokenize(token));
        (string Text, long Id)[] found = [.. known.Where(piece => piece.Text == token).Take(1)];
        return found.Length > 0 ? found[0].Id : throw new UsageException($"{package.Name}: its vocabulary has no {token}, which stands for a token that is taken away.");

        static IEnumerable<(string Text, long Id)> Pairs(TokenizedText text) => text.Tokens.Zip(text.Ids);
    }

    // Texts of all of whose tokens the model takes.
    private IEnumerable<Passage> Sentences(ModelPackage package, string path)
    {
        TextTable table = TextTable.Read(path);
        for (int k = 0; k < table.Texts.Count; k++)
        {
            TokenizedText tokens = package.Tokenizer?.Tokenize(table.Texts[k]) ?? package.PromptTokenizer!.Tokenize(table.Texts[k]);
            if (Fits(tokens.IsCut || (package.Module is Roberta network && tokens.Ids.Count > network.MaximumLength)))
                yield return new Passage($"line {table.LineOf(k)}", package.Tokenizer is null ? Piece.OfText(tokens) : Piece.OfWords(tokens));
        }
    }

    // [UNK] stands for a word that the vocabulary lacks; it is text.
    private Passage[] Usable(IEnumerable<Passage> all)
    {
        Passage[] read = [.. all.Select(passage => passage with { Pieces = [.. passage.Pieces.Select(piece => piece.Text == "[UNK]" ? piece with { IsSpecial = false } : piece)] })];
        Passage[] usable = [.. read.Where(passage => passage.Pieces.Count(piece => !piece.IsSpecial) >= Fewest)];
        tooShort = read.Length - usable.Length;
        return usable;
    }

    private bool Fits(bool isTooLong)
    {
        if (isTooLong)
            tooLong++;
        return !isTooLong;
    }
}

/// <summary>A text as a model reads it.</summary>
/// <param name="Name">How the results call it.</param>
/// <param name="Pieces">Its tokens.</param>
internal sealed record Passage(string Name, IReadOnlyList<Piece> Pieces);
