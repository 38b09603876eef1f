"""Language codes as `readme.language` takes them: BCP-47 tags (RFC 5646), and the two words that the Hub has beside.

The Hub itself takes codes of ISO 639-1, 639-2 and 639-3 in `language`, lower case, and tags with a region or a script
in `language_bcp47` (the warning that it prints for anything else says so). So `eng` is as good as `en`, while `EN`,
`en_US` and `English` are not codes but meant one.
"""

from __future__ import annotations

import difflib
import re

HUB_ONLY = ("multilingual", "code")
"""What the Hub takes that is no language."""

# ISO 639-1 with the names of the IANA registry (the code's registration authority is the Library of Congress,
# https://www.loc.gov/standards/iso639-2/php/code_list.php). It answers for nearly every card before `langcodes`, whose
# import takes longer than `replicard ls`, and it knows what was meant by a name.
_NAMES = dict(
    line.split(maxsplit=1)
    for line in """
aa Afar|ab Abkhazian|ae Avestan|af Afrikaans|ak Akan|am Amharic|an Aragonese|ar Arabic|as Assamese|av Avaric|ay Aymara
az Azerbaijani|ba Bashkir|be Belarusian|bg Bulgarian|bi Bislama|bm Bambara|bn Bengali|bo Tibetan|br Breton|bs Bosnian
ca Catalan|ce Chechen|ch Chamorro|co Corsican|cr Cree|cs Czech|cu Church Slavic|cv Chuvash|cy Welsh|da Danish|de German
dv Divehi|dz Dzongkha|ee Ewe|el Greek|en English|eo Esperanto|es Spanish|et Estonian|eu Basque|fa Persian|ff Fulah
fi Finnish|fj Fijian|fo Faroese|fr French|fy Western Frisian|ga Irish|gd Scottish Gaelic|gl Galician|gn Guarani
gu Gujarati|gv Manx|ha Hausa|he Hebrew|hi Hindi|ho Hiri Motu|hr Croatian|ht Haitian|hu Hungarian|hy Armenian|hz Herero
ia Interlingua|id Indonesian|ie Interlingue|ig Igbo|ii Sichuan Yi|ik Inupiaq|io Ido|is Icelandic|it Italian|iu Inuktitut
ja Japanese|jv Javanese|ka Georgian|kg Kongo|ki Kikuyu|kj Kuanyama|kk Kazakh|kl Kalaallisut|km Khmer|kn Kannada
ko Korean|kr Kanuri|ks Kashmiri|ku Kurdish|kv Komi|kw Cornish|ky Kirghiz|la Latin|lb Luxembourgish|lg Ganda|li Limburgan
ln Lingala|lo Lao|lt Lithuanian|lu Luba-Katanga|lv Latvian|mg Malagasy|mh Marshallese|mi Maori|mk Macedonian
ml Malayalam|mn Mongolian|mr Marathi|ms Malay|mt Maltese|my Burmese|na Nauru|nb Norwegian Bokmål|nd North Ndebele
ne Nepali|ng Ndonga|nl Dutch|nn Norwegian Nynorsk|no Norwegian|nr South Ndebele|nv Navajo|ny Nyanja|oc Occitan|oj Ojibwa
om Oromo|or Oriya|os Ossetian|pa Punjabi|pi Pali|pl Polish|ps Pashto|pt Portuguese|qu Quechua|rm Romansh|rn Rundi
ro Romanian|ru Russian|rw Kinyarwanda|sa Sanskrit|sc Sardinian|sd Sindhi|se Northern Sami|sg Sango|si Sinhala|sk Slovak
sl Slovenian|sm Samoan|sn Shona|so Somali|sq Albanian|sr Serbian|ss Swati|st Southern Sotho|su Sundanese|sv Swedish
sw Swahili|ta Tamil|te Telugu|tg Tajik|th Thai|ti Tigrinya|tk Turkmen|tl Tagalog|tn Tswana|to Tonga|tr Turkish
ts Tsonga|tt Tatar|tw Twi|ty Tahitian|ug Uighur|uk Ukrainian|ur Urdu|uz Uzbek|ve Venda|vi Vietnamese|vo Volapük
wa Walloon|wo Wolof|xh Xhosa|yi Yiddish|yo Yoruba|za Zhuang|zh Chinese|zu Zulu
""".strip()
    .replace("\n", "|")
    .split("|")
)
_CODES = {name.casefold(): code for code, name in _NAMES.items()}
# Codes of countries, and words, that are written for a language and are no code of one.
_MEANT = {
    "cn": "zh", "cz": "cs", "dk": "da", "gr": "el", "jp": "ja", "ua": "uk", "vn": "vi", "farsi": "fa", "mandarin": "zh",
    "flemish": "nl", "multi": "multilingual", "multi-lingual": "multilingual", "python": "code", "java": "code",
}  # fmt: skip


def language_problem(code: str) -> str | None:
    """What is wrong with a language code, and which one was probably meant; null where nothing is.

    >>> language_problem("English")
    "'English' is no language code; did you mean `en`?"
    >>> language_problem("pt-BR")
    """
    if code in _NAMES or code in HUB_ONLY:
        return None
    shown = code if len(code) <= 40 else f"{code[:40]}…"
    standard = _standard(code) or _meant(code)
    if standard == code:
        return None
    if standard is None:
        remedy = "write a BCP-47 tag: `en`, `pt-BR`, `yue`; or `multilingual` or `code`"
        return f"{shown!r} is no language code; {remedy}"
    return f"{shown!r} is no language code; did you mean `{standard}`?"


def code_of_name(name: str) -> str | None:
    """The code of a language by its English name, whatever the case; of a code, itself; null for anything else.

    >>> code_of_name("Swahili")
    'sw'
    """
    return _CODES.get(name.casefold()) or (name if name in _NAMES else None)


def _standard(code: str) -> str | None:
    """The tag as BCP-47 writes it, `pt-BR` for `pt_br` and `en-GB` for `en-UK`; null for what is no tag of known parts.

    Three letters are as good as two where both exist, as the Hub has it. Tags without a language, such as `x-mine`, are
    left out: the Hub takes none.
    """
    if not re.fullmatch(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8}){0,6}", code):
        return None
    import langcodes

    if not langcodes.tag_is_valid(code):
        return None
    tag = langcodes.Language.get(code, normalize=False)
    kept = tag.is_valid() or len(tag.language or "") == 3
    return tag.to_tag() if kept else langcodes.standardize_tag(code)


def _meant(text: str) -> str | None:
    """The code of what is probably meant by a word, or null."""
    names = _CODES | {word: word for word in HUB_ONLY} | _MEANT
    close = difflib.get_close_matches(text[:40].strip().casefold(), names, n=1, cutoff=0.8)
    return names[close[0]] if close else None
