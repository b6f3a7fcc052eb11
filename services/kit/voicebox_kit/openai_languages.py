"""What OpenAI calls the languages: names in English, as in Whisper's tokenizer, where the rest of the API has codes."""

DETECTED = ("auto", "automatic", "detect", "none", "null", "unknown")
"""What clients write who leave the language open."""

NAMES = dict(
    pair.split("=")
    for pair in """en=english zh=chinese de=german es=spanish ru=russian ko=korean fr=french ja=japanese pt=portuguese tr=turkish
    pl=polish ca=catalan nl=dutch ar=arabic sv=swedish it=italian id=indonesian hi=hindi fi=finnish vi=vietnamese he=hebrew
    uk=ukrainian el=greek ms=malay cs=czech ro=romanian da=danish hu=hungarian ta=tamil no=norwegian th=thai ur=urdu hr=croatian
    bg=bulgarian lt=lithuanian la=latin mi=maori ml=malayalam cy=welsh sk=slovak te=telugu fa=persian lv=latvian bn=bengali
    sr=serbian az=azerbaijani sl=slovenian kn=kannada et=estonian mk=macedonian br=breton eu=basque is=icelandic hy=armenian
    ne=nepali mn=mongolian bs=bosnian kk=kazakh sq=albanian sw=swahili gl=galician mr=marathi pa=punjabi si=sinhala km=khmer
    sn=shona yo=yoruba so=somali af=afrikaans oc=occitan ka=georgian be=belarusian tg=tajik sd=sindhi gu=gujarati am=amharic
    yi=yiddish lo=lao uz=uzbek fo=faroese ht=haitian ps=pashto tk=turkmen nn=nynorsk mt=maltese sa=sanskrit lb=luxembourgish
    my=myanmar bo=tibetan tl=tagalog mg=malagasy as=assamese tt=tatar haw=hawaiian ln=lingala ha=hausa ba=bashkir jv=javanese
    su=sundanese yue=cantonese""".split()
)


def name(tag: str) -> str:
    """The name for a BCP 47 tag, region or not; the tag itself where OpenAI has none."""
    return NAMES.get(tag.partition("-")[0].lower(), tag)


TAGS = {name: tag for tag, name in NAMES.items()} | {"mandarin": "zh", "castilian": "es", "flemish": "nl", "farsi": "fa"}


def tag(given: str) -> str:
    """A BCP 47 tag for a name in English or a tag in any spelling; empty where the language is left open; else what was given."""
    plain = given.strip().replace("_", "-")
    if plain.lower() in DETECTED:
        return ""
    return TAGS.get(plain.lower(), plain)
