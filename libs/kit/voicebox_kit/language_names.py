"""The English names of languages: those of Whisper's tokenizer, and others that people write for them."""

NAMES = dict(
    pair.split("=")
    for pair in """
    en=english zh=chinese de=german es=spanish ru=russian ko=korean fr=french ja=japanese pt=portuguese tr=turkish
    pl=polish ca=catalan nl=dutch ar=arabic sv=swedish it=italian id=indonesian hi=hindi fi=finnish vi=vietnamese
    he=hebrew uk=ukrainian el=greek ms=malay cs=czech ro=romanian da=danish hu=hungarian ta=tamil no=norwegian
    th=thai ur=urdu hr=croatian bg=bulgarian lt=lithuanian la=latin mi=maori ml=malayalam cy=welsh sk=slovak
    te=telugu fa=persian lv=latvian bn=bengali sr=serbian az=azerbaijani sl=slovenian kn=kannada et=estonian
    mk=macedonian br=breton eu=basque is=icelandic hy=armenian ne=nepali mn=mongolian bs=bosnian kk=kazakh
    sq=albanian sw=swahili gl=galician mr=marathi pa=punjabi si=sinhala km=khmer sn=shona yo=yoruba so=somali
    af=afrikaans oc=occitan ka=georgian be=belarusian tg=tajik sd=sindhi gu=gujarati am=amharic yi=yiddish lo=lao
    uz=uzbek fo=faroese ht=haitian ps=pashto tk=turkmen nn=nynorsk mt=maltese sa=sanskrit lb=luxembourgish
    my=myanmar bo=tibetan tl=tagalog mg=malagasy as=assamese tt=tatar haw=hawaiian ln=lingala ha=hausa ba=bashkir
    jv=javanese su=sundanese yue=cantonese""".split()
)
"""A language's name by its code, as OpenAI calls it."""

OTHERS = {
    "american english": "en-US",
    "australian english": "en-AU",
    "bokmal": "nb",
    "bokmål": "nb",
    "brazilian portuguese": "pt-BR",
    "british english": "en-GB",
    "burmese": "my",
    "canadian french": "fr-CA",
    "castilian": "es",
    "chinese simplified": "zh-Hans",
    "chinese traditional": "zh-Hant",
    "english american": "en-US",
    "english british": "en-GB",
    "english uk": "en-GB",
    "english united kingdom": "en-GB",
    "english united states": "en-US",
    "english us": "en-US",
    "esperanto": "eo",
    "european portuguese": "pt-PT",
    "farsi": "fa",
    "filipino": "fil",
    "flemish": "nl",
    "gaelic": "gd",
    "haitian creole": "ht",
    "irish": "ga",
    "kurdish": "ku",
    "kyrgyz": "ky",
    "letzeburgesch": "lb",
    "mandarin": "zh",
    "mandarin chinese": "zh",
    "mexican spanish": "es-MX",
    "moldavian": "ro",
    "moldovan": "ro",
    "norwegian bokmal": "nb",
    "norwegian bokmål": "nb",
    "norwegian nynorsk": "nn",
    "panjabi": "pa",
    "portuguese brazil": "pt-BR",
    "portuguese portugal": "pt-PT",
    "pushto": "ps",
    "simplified chinese": "zh-Hans",
    "sinhalese": "si",
    "spanish mexico": "es-MX",
    "spanish spain": "es-ES",
    "swiss german": "gsw",
    "traditional chinese": "zh-Hant",
    "valencian": "ca",
}

TAGS = {**{name: "fil" if code == "tl" else code for code, name in NAMES.items()}, **OTHERS}
"""The tag for a name in lower case, its words parted by single spaces."""
