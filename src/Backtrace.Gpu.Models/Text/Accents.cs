using System.Text;

namespace Backtrace.Gpu.Models;

/// <summary>
/// Takes lower-case characters apart, as Unicode's canonical decomposition does, and leaves out non-spacing marks. String.Normalize would do it, but does
/// nothing in invariant globalisation mode.
/// </summary>
internal static class Accents
{
    // Each character that Unicode 14 takes apart into another one and accents, and that one.
    private const string Pairs =
        "àaáaâaãaäaåaçcèeéeêeëeìiíiîiïiñnòoóoôoõoöoùuúuûuüuýyÿyāaăaąaćcĉcċcčcďdēeĕeėeęeěeĝgğgġgģgĥhĩiīiĭiįiİiĵjķkĺlļlľlńnņnňnōoŏo" +
        "őoŕrŗrřrśsŝsşsšsţtťtũuūuŭuůuűuųuŵwŷyźzżzžzơoưuǎaǐiǒoǔuǖuǘuǚuǜuǟaǡaǣæǧgǩkǫoǭoǯʒǰjǵgǹnǻaǽæǿøȁaȃaȅeȇeȉiȋiȍoȏoȑrȓrȕuȗușsțtȟh" +
        "ȧaȩeȫoȭoȯoȱoȳyḁaḃbḅbḇbḉcḋdḍdḏdḑdḓdḕeḗeḙeḛeḝeḟfḡgḣhḥhḧhḩhḫhḭiḯiḱkḳkḵkḷlḹlḻlḽlḿmṁmṃmṅnṇnṉnṋnṍoṏoṑoṓoṕpṗpṙrṛrṝrṟrṡsṣsṥsṧsṩs" +
        "ṫtṭtṯtṱtṳuṵuṷuṹuṻuṽvṿvẁwẃwẅwẇwẉwẋxẍxẏyẑzẓzẕzẖhẗtẘwẙyẛſạaảaấaầaẩaẫaậaắaằaẳaẵaặaẹeẻeẽeếeềeểeễeệeỉiịiọoỏoốoồoổoỗoộoớoờoởoỡo" +
        "ợoụuủuứuừuửuữuựuỳyỵyỷyỹy" +
        "ʹʹΐιάαέεήηίιΰυϊιϋυόούυώωϓϒϔϒἀαἁαἂαἃαἄαἅαἆαἇαἐεἑεἒεἓεἔεἕεἠηἡηἢηἣηἤηἥηἦηἧηἰιἱιἲιἳιἴιἵιἶιἷιὀοὁοὂοὃοὄοὅοὐυὑυὒυὓυὔυὕυὖυὗυὠωὡω" +
        "ὢωὣωὤωὥωὦωὧωὰαάαὲεέεὴηήηὶιίιὸοόοὺυύυὼωώωᾀαᾁαᾂαᾃαᾄαᾅαᾆαᾇαᾐηᾑηᾒηᾓηᾔηᾕηᾖηᾗηᾠωᾡωᾢωᾣωᾤωᾥωᾦωᾧωᾰαᾱαᾲαᾳαᾴαᾶαᾷαιιῂηῃηῄηῆηῇηῐιῑιῒι" +
        "ΐιῖιῗιῠυῡυῢυΰυῤρῥρῦυῧυῲωῳωῴωῶωῷω" +
        "йиѐеёеѓгїіќкѝиўуѷѵӂжӑаӓаӗеӛәӝжӟзӣиӥиӧоӫөӭэӯуӱуӳуӵчӹы" +
        "がかぎきぐくげけごこざさじしずすぜせぞそだたぢちづつでてどとばはぱはびひぴひぶふぷふべへぺへぼほぽほゔうゞゝガカギキグクゲケゴコザサジシズスゼセゾソダタヂチヅツデテドトバハパハビヒピヒブフプフベヘペヘボホポホヴウヷワヸヰヹヱヺヲヾヽ" +
        "\u0622\u0627\u0623\u0627\u0624\u0648\u0625\u0627\u0626\u064A\u06C0\u06D5\u06C2\u06C1\u06D3\u06D2\u0929\u0928\u0931\u0930\u0934\u0933\u0958\u0915" +
        "\u0959\u0916\u095A\u0917\u095B\u091C\u095C\u0921\u095D\u0922\u095E\u092B\u095F\u092F\u09DC\u09A1\u09DD\u09A2\u09DF\u09AF\u0A33\u0A32\u0A36\u0A38" +
        "\u0A59\u0A16\u0A5A\u0A17\u0A5B\u0A1C\u0A5E\u0A2B\u0B5C\u0B21\u0B5D\u0B22\u0F43\u0F42\u0F4D\u0F4C\u0F52\u0F51\u0F57\u0F56\u0F5C\u0F5B\u0F69\u0F40" +
        "\u1026\u1025\uFB1D\u05D9\uFB1F\u05F2\uFB2A\u05E9\uFB2B\u05E9\uFB2C\u05E9\uFB2D\u05E9\uFB2E\u05D0\uFB2F\u05D0\uFB30\u05D0\uFB31\u05D1\uFB32\u05D2" +
        "\uFB33\u05D3\uFB34\u05D4\uFB35\u05D5\uFB36\u05D6\uFB38\u05D8\uFB39\u05D9\uFB3A\u05DA\uFB3B\u05DB\uFB3C\u05DC\uFB3E\u05DE\uFB40\u05E0\uFB41\u05E1" +
        "\uFB43\u05E3\uFB44\u05E4\uFB46\u05E6\uFB47\u05E7\uFB48\u05E8\uFB49\u05E9\uFB4A\u05EA\uFB4B\u05D5\uFB4C\u05D1\uFB4D\u05DB\uFB4E\u05E4" +
        "\u037E\u003B\u0385\u00A8\u0387\u00B7\u0B48\u0B47\u0CC0\u0CD5\u0CC7\u0CD5\u0CC8\u0CD6\u0CCA\u0CC2\u0DDA\u0DD9\u1B3B\u1B35\u1B3D\u1B35" +
        "\u1B43\u1B35\u1FC1\u00A8\u1FCD\u1FBF\u1FCE\u1FBF\u1FCF\u1FBF\u1FDD\u1FFE\u1FDE\u1FFE\u1FDF\u1FFE\u1FED\u00A8\u1FEE\u00A8\u1FEF\u0060" +
        "\u1FFD\u00B4\u219A\u2190\u219B\u2192\u21AE\u2194\u21CD\u21D0\u21CE\u21D4\u21CF\u21D2\u2204\u2203\u2209\u2208" +
        "\u220C\u220B\u2224\u2223\u2226\u2225\u2241\u223C\u2244\u2243\u2247\u2245\u2249\u2248\u2260\u003D\u2262\u2261\u226D\u224D\u226E\u003C" +
        "\u226F\u003E\u2270\u2264\u2271\u2265\u2274\u2272\u2275\u2273\u2278\u2276\u2279\u2277\u2280\u227A\u2281\u227B\u2284\u2282\u2285\u2283" +
        "\u2288\u2286\u2289\u2287\u22AC\u22A2\u22AD\u22A8\u22AE\u22A9\u22AF\u22AB\u22E0\u227C\u22E1\u227D\u22E2\u2291\u22E3\u2292\u22EA\u22B2" +
        "\u22EB\u22B3\u22EC\u22B4\u22ED\u22B5\u2329\u3008\u232A\u3009\u2ADC\u2ADD";

    // Each character that leaves several, and these.
    private const string Sequences =
        "\u09CB\u09C7\u09BE \u09CC\u09C7\u09D7 \u0B4B\u0B47\u0B3E \u0B4C\u0B47\u0B57 \u0B94\u0B92\u0BD7 \u0BCA\u0BC6\u0BBE \u0BCB\u0BC7\u0BBE \u0BCC\u0BC6\u0BD7 " +
        "\u0CCB\u0CC2\u0CD5 \u0D4A\u0D46\u0D3E \u0D4B\u0D47\u0D3E \u0D4C\u0D46\u0D57 \u0DDC\u0DD9\u0DCF \u0DDD\u0DD9\u0DCF \u0DDE\u0DD9\u0DDF \u1B06\u1B05\u1B35 " +
        "\u1B08\u1B07\u1B35 \u1B0A\u1B09\u1B35 \u1B0C\u1B0B\u1B35 \u1B0E\u1B0D\u1B35 \u1B12\u1B11\u1B35 \u1B40\u1B3E\u1B35 \u1B41\u1B3F\u1B35 \U0001109A\U00011099 " +
        "\U0001109C\U0001109B \U000110AB\U000110A5 \U0001134B\U00011347\U0001133E \U0001134C\U00011347\U00011357 \U000114BB\U000114B9 \U000114BC\U000114B9\U000114B0 \U000114BE\U000114B9\U000114BD \U000115BA\U000115B8\U000115AF " +
        "\U000115BB\U000115B9\U000115AF \U00011938\U00011935\U00011930 \U0001D15E\U0001D157\U0001D165 \U0001D15F\U0001D158\U0001D165 \U0001D160\U0001D158\U0001D165\U0001D16E \U0001D161\U0001D158\U0001D165\U0001D16F \U0001D162\U0001D158\U0001D165\U0001D170 \U0001D163\U0001D158\U0001D165\U0001D171 " +
        "\U0001D164\U0001D158\U0001D165\U0001D172 \U0001D1BB\U0001D1B9\U0001D165 \U0001D1BC\U0001D1BA\U0001D165 \U0001D1BD\U0001D1B9\U0001D165\U0001D16E \U0001D1BE\U0001D1BA\U0001D165\U0001D16E \U0001D1BF\U0001D1B9\U0001D165\U0001D16F \U0001D1C0\U0001D1BA\U0001D165\U0001D16F";

    // Unicode's composition of Korean syllables.
    private const int FirstSyllable = 0xAC00, LastSyllable = 0xD7A3, FirstLead = 0x1100, FirstVowel = 0x1161, BeforeTails = 0x11A7, Vowels = 21, Tails = 28;

    private static readonly Dictionary<int, string> Bases = Enumerable.Range(0, Pairs.Length / 2).Select(i => ((int)Pairs[2 * i], Pairs[2 * i + 1].ToString()))
        .Concat(Sequences.Split(' ').Select(entry => entry.EnumerateRunes().First()).Zip(Sequences.Split(' '), (rune, entry) => (rune.Value, entry[rune.Utf16SequenceLength..])))
        .Concat(Twins(0xF900, TwinIdeographs.FromF900)).Concat(Twins(0x2F800, TwinIdeographs.From2F800))
        .ToDictionary();

    internal static string Strip(Rune letter) => letter.Value is >= FirstSyllable and <= LastSyllable
        ? Syllable(letter.Value - FirstSyllable)
        : Bases.GetValueOrDefault(letter.Value) ?? letter.ToString();

    private static string Syllable(int number)
    {
        char[] letters = [(char)(FirstLead + number / Tails / Vowels), (char)(FirstVowel + number / Tails % Vowels), (char)(BeforeTails + number % Tails)];
        return new string(letters, 0, number % Tails > 0 ? 3 : 2);
    }

    private static IEnumerable<(int, string)> Twins(int first, string ideographs) =>
        ideographs.EnumerateRunes().Select((rune, i) => (first + i, rune.ToString())).Where(twin => twin.Item2 != "-");
}
