"""The forms of rules in other languages than English, with the words that no rule in that language does without."""

from __future__ import annotations

from typing import Final

from token_guard.compaction.rule_forms import BEYOND_ASCII, Form, form

__all__ = ["BINDS_ABROAD", "FORBIDS_ABROAD"]

_GERMAN = (
    "auf keinen unter niemals nie nicht kein keine keinem keiner keines bitte verboten tabu untersagt erlaubt vermeide ab von"
    " künftig zukunft ausschließlich ausnahmslos grundsätzlich jedes immer nur stets alle jede jeder sämtliche höchstens"
    " maximal mindestens muss müssen soll sollen sollst ich deutsch den der das dem die wörter sätze statt bevor daran sieze"
    " duze kurz knapp sachlich förmlich höflich finger du"
)
_FRENCH = (
    "ne n pas jamais plus aucun aucune interdit interdite évite évitez surtout cas prétexte désormais dorénavant partir"
    " avenir systématiquement obligatoire toujours uniquement seulement exclusivement chaque tous toutes moins en que les la"
    " le des un une je il doit doivent devez dois vos tes mon au vouvoie tutoie"
)
_SPANISH = (
    "no nunca jamás ningún concepto prohibido prohibida debe deben debes evita evite nada sin partir adelante obligatorio"
    " obligatoria momento siempre solo sólo solamente únicamente cada todos todas máximo menos en el la los las un una"
    " prefiero quiero usted favor"
)
_PORTUGUESE_ITALIAN = (
    "nunca jamais não non mai em nessun vietato vietata vietati vietate proibido proibida evite evita niente nessuno nessuna"
    " partir daqui ora futuro obbligatorio obbligatoria prefiro preferisco sempre apenas somente só solo soltanto"
    " esclusivamente cada ogni todos todas tutti tutte il la gli le o os as um uma un una devono deve vanno favor favore tono"
)
_NORTH_AND_EAST = (
    "geen nooit niet geval beding mag mogen verboden vanaf voortaan vervolg altijd alleen uitsluitend het een elke alle"
    " hoogstens maximaal kort inga ingen inte ikke aldrig aldri får och med nu fra av od teraz nie nigdy wolno zawsze tylko"
    " wyłącznie maksymalnie po asla kesinlikle her zaman sadece bundan yasak dokunma dokunmayın silme kullanma ekleme yazma"
    " alltid endast bara kun altid hver bruk brug"
    f" {BEYOND_ASCII}"
)
_SIZES = f"pas au maximum más máximo mucho non al massimo niet hoogstens högst nie sieze duze vouvoie tutoie usted {BEYOND_ASCII}"

FORBIDS_ABROAD: Final[tuple[Form, ...]] = (
    form(
        _GERMAN,
        r"\b(?:auf keinen fall|unter keinen umständen|niemals|nie wieder|bitte (?:nie|nicht|keine?[nmrs]?)|verboten|tabu|untersagt"
        r"|nicht erlaubt)\b",
        r"\b(?:darf|dürfen|darfst|soll(?:en|st)?|muss|müssen)\b[^.?!]{0,60}\b(?:nie|nicht|keine?[nmrs]?)\b",
        r"^(?:bitte )?keine?[nmrs]? (?!ahnung|problem|sorge|angst|zeit|ding|idee)[^?!.]{3,80}[.!]?$|^(?:bitte )?vermeide\b"
        r"|^(?:bitte )?nie\b",
        r"\bdie finger (?:weg )?von\b|^finger weg\b|\b(?:möchte|will|wollen) nicht, dass (?:du|ihr|sie|jemand|irgend)",
        r"^(?:und |aber |bitte )?(?:\w+e|lass|fass|änder\w*|lösch\w*|schreib\w*|nimm|gib|rühr\w*)\b (?:\S+ ){0,5}(?:nicht|nie"
        r"|keine?[nmrs]?)\b",
    ),
    form(
        _FRENCH,
        r"^(?:[^,.]{0,30}, )?(?:mais |et )?n(?:e |['’])(?:\S+ )?\w+(?:ez|es?|s|er|re)\b [^.?!]{0,40}\b(?:jamais|pas|plus|aucune?)\b",
        r"^on n(?:e |['’])(?:y )?(?!(?:sait|voit|a|est|comprend|trouve|arrive|peut|avait|était|dirait|connaît|dit|pense"
        r"|croit)\b)\w+ (?:pas|jamais|plus"
        r"|rien|aucune?)\b",
        r"\b(?:en aucun cas|sous aucun prétexte|interdit\w*|ne (?:doit|doivent|devez|dois|faut)(?: \w+)? (?:jamais|pas)"
        r"|il ne faut (?:jamais|pas))\b",
        r"^ne (?:jamais|pas|plus|rien) \w+(?:er|ir|re)\b|^(?:pas d[e']|aucune?|évite[zr]?|surtout pas|jamais (?:de|d'))",
    ),
    form(
        _SPANISH,
        r"^(?:por favor,? |y |pero )?(?:no|nunca|jamás) (?:me |lo |la |les? |te )?(?!(?:sé|tengo|hay|es|puedo|entiendo|recuerdo|quiero"
        r"|creo|me|he|funciona)\b)\w+(?:es|as|e|a|en|an)\b",
        r"\b(?:en ningún caso|bajo ningún concepto|prohibid[oa]s?|no se (?:debe|puede|permite)|nunca debe\w*|no debe[ns]?)\b|^(?:evita"
        r"|evite|nada de|sin) ",
    ),
    form(
        _PORTUGUESE_ITALIAN,
        r"^(?:por favor,? |e |mas )?(?:nunca|jamais|não) (?!(?:sei|tenho|há|é|posso|entendo|quero|acho|consigo|foi|está|precisas?"
        r"|gostas?|tens|sabes|falta|adianta|importa|passa|roda|arranca|funciona|aparece|existe|encontra)\b)\w+(?:e|es|a|as"
        r"|em|am|r)\b",
        r"^(?:per favore,? |e |ma )?(?:non|mai) (?!(?:so|ho|è|posso|capisco|voglio|ricordo|credo|c'è|mi|funziona)\b)\w+(?:are|ere|ire"
        r"|ate|ete|ite|a|i)\b",
        r"\b(?:em hipótese alguma|de forma alguma|proibid[oa]s?|in nessun caso|vietat[oaie]|mai e poi mai)\b|^(?:evite|evita|nada de"
        r"|niente|nessun[oa]?) ",
    ),
    form(
        _NORTH_AND_EAST,
        r"\b(?:onder geen beding|in geen geval|mag (?:nooit|niet|geen)|mogen (?:nooit|niet|geen)|verboden)\b|^(?:gebruik|schrijf|geef"
        r"|raak|verander)\b[^.?!]{0,50}\b(?:nooit|niet|geen)\b|^(?:geen|nooit) ",
        r"\b(?:under inga omständigheter|får (?:aldrig|inte)|må (?:aldri|aldrig|ikke)|förbjudet|forbudt)\b|^(?:aldrig|aldri|inga|ingen"
        r"|använd inte|ikke) ",
        r"\b(?:nigdy nie|pod żadnym pozorem|nie wolno|zabronion\w+|asla|kesinlikle \w+m[ae]y?\w*|yasak\w*)\b|\b(?:dokun|sil"
        r"|değiştir|yap|ekle|kullan|yaz|gönder"
        r"|çalıştır|aç|kapat|taşı|paylaş|yükle)m[ae](?:y[ıi]n(?:[ıi]z)?)?[.!]?$|^nie \w+(?:aj|uj|ij|isz|ów"
        r"|rz)\b",
        r"\b(?:никогда не(?! \w+(?:[иеё]т|[уюая]т|л[аио]?|ю|у|ем|им)(?:ся|сь)?\b)|ни в коем случае|нельзя|запрещ\w+"
        r"|не (?:должн\w+|надо|нужно|трогай\w*|меняй\w*|используй\w*|отправляй\w*"
        r"|удаляй\w*|пиши\w*|добавляй\w*|упоминай\w*|раскрывай\w*)|ніколи не|заборонено)\b",
    ),
    form(
        BEYOND_ASCII,
        r"(?<!我)(?:绝不|絕不|绝对不|切勿|请勿|請勿|严禁|禁止|不得(?!不)|不准|不许|千万别|千萬別)|(?:^|[，。；,;])(?:请|請|也|但)?(?:不要|别|別)(?!的|人|紧|緊|说|處|处|担心|客气|有)",
        r"(?:し|し?ては|わ|か|さ|ら|え|べ|げ|け|め|れ|せ|な|が|ま)?(?:ないで(?:ください|下さい|くれ|ね)|ないこと|てはいけ\w+|てはならない|ではいけません)|決して|絶対に\S*な|(?:厳禁|禁止)",
        r"(?:하지|쓰지|말하지|건드리지|바꾸지|사용하지|보내지|지우지|넣지)\s?(?:마|말|않도록)|절대(?:로)?\s|금지|안\s?됩니다",
    ),
    form(
        BEYOND_ASCII,
        r"(?:^|\s)لا ت\w+|ممنوع|أبدا|(?:कभी|बिल्कुल) (?:भी )?(?:न|नहीं|मत)|(?:^|\s)मत\s",
    ),
)
"""What forbids."""

BINDS_ABROAD: Final[tuple[Form, ...]] = (
    form(
        _GERMAN,
        r"\b(?:ab (?:jetzt|sofort|heute)|von (?:jetzt|nun) an|künftig|in zukunft|ausschließlich|ausnahmslos|grundsätzlich|bitte (?:immer"
        r"|nur|stets)|jedes mal)\b",
        r"^(?:bitte )?(?:antworte|schreib|verwend|benutz|nutz|nenn|halte?|fass|formulier|bleib|sprich|zitier|gib|rund|lass|beschränk"
        r"|stütz|sieze|duze|nimm|mach|frag|warte|übersetz|achte)\w*\b"
        r"[^?]{0,120}?\b(?:nur|immer|nie|nicht|alle\w*|jede\w*|stets|höchstens|maximal|mindestens|auf \w+isch|auf deutsch|unter \d+"
        r"|\d+ (?:wörter\w*|sätze\w*|zeilen|zeichen|punkte\w*)|kurz|knapp"
        r"|sachlich|förmlich|formell|höflich|freundlich|neutral|als (?:liste|tabelle|json)|in (?:stichpunkten|stichworten|tabellen\w*"
        r"|prosa|euro|metrischen?)|unverändert|in ruhe|statt|bevor|daran)\b",
        r"\b(?:alle|jede[rsn]?|sämtliche)\b [^.?!]{2,60}\b(?:müssen|muss|soll(?:en)?|dürfen|darf|bitte|sind zu|ist zu)\b|\b(?:müssen"
        r"|muss|sind|ist) (?:\S+ ){0,3}(?:immer|stets|zwingend|zu)\b",
        r"^[^?,.]{2,50} \w+st du (?:bitte )?(?:immer|stets|nur|ausschließlich|grundsätzlich) (?:mit|auf|in|im|als|ohne|nach"
        r"|vor|zuerst|erst)\b"
        r"|^[^?,.]{3,60}\bbitte (?:auf (?:\w+isch|deutsch)|ohne|höchstens|maximal|in (?:euro|utc|stichpunkten|tabellen?|prosa)"
        r"|als (?:liste|tabelle|json))\b",
        r"\bich (?:bevorzuge|bestehe auf|möchte (?:keine|nur|alle|immer|dass (?:du|sie|alle))|will (?:keine|nur|alle))|^nur [^?]{3,60}$"
        r"|\b(?:höchstens|maximal) \d",
    ),
    form(
        _FRENCH,
        r"\b(?:désormais|dorénavant|à partir de maintenant|à l['’]avenir|systématiquement|obligatoire\w*)\b",
        r"^(?:[^,.]{0,30}, )?(?:réponds?|répondez|écri(?:s|vez)|utilise[zr]?|emploie|employez|garde[zr]?|reste[zr]?|cite[zr]?|arrondi\w+"
        r"|limite[zr]?|rédige[zr]?|parle[zr]?|donne[zr]?|fais|faites|mets|mettez|indique[zr]?|demande[zr]?|tiens|tenez|vouvoie\w*"
        r"|tutoie\w*|présente[zr]?)\b"
        r"[^?]{0,120}?\b(?:toujours|uniquement|seulement|exclusivement|jamais|chaque|tous|toutes|au plus|maximum|moins de|en (?:français"
        r"|anglais|\w+ais|euros|une|deux|liste|puces|json)|\d+ (?:mots|phrases|lignes|points)|court\w*|bref|brève\w*|concis\w*|formel\w*"
        r"|poli\w*|avant de|plutôt que|tel\w* quel\w*|que (?:les|la|le|des))\b",
        r"^(?:les|la|le|tes|vos|l['’])\s?[^?,.]{2,40} (?:s['’]écri(?:t|vent)|se (?:notent?|mett?(?:ent)?|donnent?|rédigent?"
        r"|rangent?)|v(?:a|ont) au format)"
        r" (?:toujours |uniquement )?(?:au|en|dans|sous|avec|à|\S)",
        r"\b(?:tou(?:s|tes) (?:les|tes|vos)|chaque)\b [^.?!]{2,60}\b(?:doi(?:t|vent)|en\b)|\b(?:doi(?:t|vent)|devez|dois"
        r"|il faut) (?:toujours|impérativement|\w+er\b toujours)|\bje (?:préfère|veux que|souhaite que)\b|^(?:uniquement|seulement) ",
    ),
    form(
        _SPANISH,
        r"\b(?:a partir de ahora|de ahora en adelante|en adelante|obligatori[oa]s?|en todo momento|sin excepción)\b",
        r"^(?:por favor,? )?(?:responde|contesta|escribe|usa|utiliza|mantén|cita|redondea|limita|habla|da|haz|pon|indica|pregunta|trata"
        r"|basa|emplea|respond[ae]|use|utilice|escriba|mantenga)\w*\b"
        r"[^?]{0,120}?\b(?:siempre|solo|sólo|solamente|únicamente|nunca|cada|tod[oa]s|como máximo|máximo|menos de|en (?:español|inglés"
        r"|\w+és|euros|una|dos|lista|json)|\d+ (?:palabras|frases|líneas|puntos)|breves?|cort[oa]s?|concis[oa]s?|formal(?:es)?|antes de"
        r"|en vez de|en lugar de)\b",
        r"\bquiero que (?:cada|tod[oa]s|siempre|no|ningun[oa]?|nunca|las (?:respuestas|fechas)|los (?:mensajes|cambios|textos))\b"
        r"|^(?:las?|los?|el|tus) [^?,.]{2,40} (?:van?|se (?:escriben?|ponen?|dan?|indican?)) (?:siempre |solo "
        r"|sólo )?(?:en (?:formato|español|inglés"
        r"|euros|dólares|mayúsculas|minúsculas)|con|sin)\b",
        r"\b(?:tod[oa]s l[oa]s|cada)\b [^.?!]{2,60}\b(?:debe[ns]?|tiene[ns]? que|han de|en )|\b(?:debe[ns]?|tiene[ns]? que"
        r"|hay que) siempre|\bprefiero\b|^(?:solo|sólo|siempre|únicamente) ",
    ),
    form(
        _PORTUGUESE_ITALIAN,
        r"\b(?:a partir de agora|daqui (?:em|para) (?:diante|frente)|d['’]ora in (?:poi|avanti)|da adesso in poi|in futuro"
        r"|obbligatori[oaie]|prefiro|preferisco)\b|^(?:sempre|apenas|somente|só|solo|soltanto) ",
        r"^(?:por favor,? |per favore,? )?(?:responda|responde|escreva|use|usa|mantenha|cite|arredonde|limite|fale|rispondi|scrivi|usa"
        r"|mantieni|cita|arrotonda|limita|parla|tieni|dai|metti|resta)\w*\b"
        r"[^?]{0,120}?\b(?:sempre|apenas|somente|só|solo|soltanto|esclusivamente|nunca|mai|cada|ogni|tod[oa]s|tutt[ie]|no máximo"
        r"|al massimo|massimo|menos de|meno di|em (?:português|inglês|\w+ês)|in (?:italiano|inglese|\w+ese)|\d+ (?:palavras|frases"
        r"|linhas|parole|frasi|righe)|brev[ei]s?|curt[oa]s?|formal[ei]?|antes de|prima di|invece di)\b",
        r"\b(?:tod[oa]s [oa]s|ogni|tutt[ie] (?:i|le|gli))\b [^.?!]{2,60}\b(?:deve[m]?|devono|precisa[m]?|têm que|vanno)\b",
    ),
    form(
        _NORTH_AND_EAST,
        r"\b(?:vanaf nu|voortaan|in het vervolg|från och med nu|hädanefter|fra nå av|fra nu af|od teraz|odtąd|şu andan itibaren"
        r"|bundan (?:sonra|böyle)|отныне|с этого момента|впредь|відтепер|надалі)\b",
        r"^(?:antwoord|schrijf|gebruik|houd|geef|svara|skriv|använd|håll|svar|bruk|brug|hold|odpowiadaj|pisz|używaj|trzymaj|zawsze|tylko"
        r"|her zaman|sadece|yalnızca|always)\w*\b"
        r"[^?]{0,100}?\b(?:altijd|alleen|uitsluitend|nooit|elke|alle|hoogstens|maximaal|in het \w+|kort|formeel|alltid|endast|bara"
        r"|aldrig|varje|högst|på \w+|kun|altid|hver|zawsze|tylko|wyłącznie|każd\w+|maksymalnie|po \w+|\d+ \w+)\b",
        r"\b(?:отвечай\w*|пиши\w*|используй\w*|указывай\w*|говори\w*|держи\w*|спрашивай\w*|соблюдай\w*|відповідай\w*)\b"
        r"|\b(?:всегда(?! \w+(?:[иеё]т|[уюая]т|л[аио]?|ю|у)(?:ся|сь)?\b)"
        r"|обязательно|исключительно)\b|\b(?:все|каждый|каждая|любой) [^.?!]{2,60}(?:долж\w+|следует)|\b(?:her zaman|sadece|yalnızca"
        r"|mutlaka)\b",
    ),
    form(
        BEYOND_ASCII,
        r"从现在|從現在|今后|今後(?:は|も)?|以后(?:都|请|一律|每)|(?:(?:始终|始終)(?!保持着|在)|务必|務必|一律|(?<!我)(?<!们)一定要(?!来|去))|(?<!我)(?<!们)必须(?!尝|去|来)|必須(?!では)|(?:请|請)(?:只|都|一直|每次|用(?:简体|繁體|中文|英文|英语|正式|列表|表格)"
        r"|以(?:列表|表格|要点|正式)|保持)|只(?:能|用|使用|许|准|可)|每次(?:都(?!有|会|是|被)|回答|回复)"
        r"|(?:所有|全部|每个|每条)[^，。？]{1,14}(?:都|必须|须|用|应|要|以)|(?:回答|回复|答案|输出)[^，。？]{0,6}(?:要|请|须|控制|不超过|限|用)|(?:不超过|控制在|限制在)\s?\d+"
        r"|(?:预算|上限|限额|期限)(?:上限)?[是为：:]\s?(?:不超过)?[\d一二三四五六七八九十百千万两]|(?<![我他她们])最多[^，。？]{0,6}[\d一二三四五六七八九十百两]"
        r"|超过[^，。？]{0,6}(?:要|须|必须|请)先?",
        r"必ず|常に(?!私)|これからは|今後|(?:毎回|すべて|全て|いつも)[^。？]{1,24}(?:ください|こと|して|で)|(?:のみ|だけ)(?:で|を)(?:使|回答|答|お願い|参照)|で(?:回答|答え|返信|出力|記述|書いて)(?:て"
        r"|し|く|ください)|[\d一二三四五六七八九十百千]+(?:文字|字|行|語|文|点|個|回)以内|形式で|(?:敬語|丁寧語|箇条書き|です・ます)",
        r"반드시|항상\s[^.?]{1,30}(?:해|하세요|주세요|것|줘|합니다)|앞으로(?:는)?\s|지금부터|(?:로만|으로만|만)\s(?:사용|답|써|작성|대답|쓰)|모든\s[^.?]{1,24}(?:로|으로)\s?(?:답|작성|써"
        r"|표기|해)|(?:이내|이하)로|(?:한국어|영어|존댓말|반말|글머리표|목록|표)(?:로|으로)\s?(?:답|대답|작성|써|말)",
    ),
    form(
        _SIZES,
        r"\b(?:pas plus de|au (?:plus|maximum)|maximum|no más de|máximo|como mucho|non più di|al massimo|no máximo|niet meer dan"
        r"|hoogstens|högst|nie więcej niż|не (?:более|больше))"
        r" (?:\d+|de|une?|deux|trois|quatre|cinq|dos|tres|cuatro|cinco|due|tre|quattro|cinque|dois|três|quatro|twee|drie|vier|två|dwa"
        r"|trzy|двух|трёх|трех)\b",
        r"^(?:bitte )?(?:sieze|duze)\b|^(?:vouvoie|tutoie)\w*\b|\b(?:de usted|de tú)\b",
    ),
    form(
        BEYOND_ASCII,
        r"من الآن فصاعد|دائما|يجب (?:أن|على)|فقط|अब से|हमेशा|केवल|सिर्फ़?|ज़रूर",
    ),
)
"""What asks to be kept to in other ways."""
