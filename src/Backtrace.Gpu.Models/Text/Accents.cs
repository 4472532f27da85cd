using System.Text;

namespace Backtrace.Gpu.Models;

/// <summary>
/// Takes lower-case letters apart and leaves out their accents. String.Normalize would do it, but does nothing in invariant globalisation mode.
/// </summary>
internal static class Accents
{
    // Each letter that Unicode 14 takes apart into another one and accents, and that one.
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
        "\uFB43\u05E3\uFB44\u05E4\uFB46\u05E6\uFB47\u05E7\uFB48\u05E8\uFB49\u05E9\uFB4A\u05EA\uFB4B\u05D5\uFB4C\u05D1\uFB4D\u05DB\uFB4E\u05E4";

    // Unicode's composition of Korean syllables.
    private const int FirstSyllable = 0xAC00, LastSyllable = 0xD7A3, FirstLead = 0x1100, FirstVowel = 0x1161, BeforeTails = 0x11A7, Vowels = 21, Tails = 28;

    private static readonly Dictionary<int, char> Bases = Enumerable.Range(0, Pairs.Length / 2).ToDictionary(i => (int)Pairs[2 * i], i => Pairs[2 * i + 1]);

    internal static void AppendStripped(this StringBuilder text, Rune letter)
    {
        if (letter.Value is >= FirstSyllable and <= LastSyllable)
            AppendSyllable(text, letter.Value - FirstSyllable);
        else if (Bases.TryGetValue(letter.Value, out char letterBase))
            text.Append(letterBase);
        else
            text.Append(letter);
    }

    private static void AppendSyllable(StringBuilder text, int number)
    {
        int tail = number % Tails;
        text.Append((char)(FirstLead + number / Tails / Vowels)).Append((char)(FirstVowel + number / Tails % Vowels));
        if (tail > 0)
            text.Append((char)(BeforeTails + tail));
    }
}
