"""Stop words of 36 languages: the rule of Gopher's that looks for prose, for more than English.

Rae et al. 2021 (arXiv 2112.11446), table A1, asks for two of eight English function words. For the other languages the
lists are ours: function words (articles, conjunctions, prepositions, pronouns, copulas) that are among the most
frequent words of written prose. Left out are languages written without spaces (Chinese, Japanese, Thai ...). Keys are
ISO 639 codes as in `signal.language`.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from curation.kernels.gopher import hashes_of
from curation.kernels.word_statistics import distinct_of_list
from curation.quality.columns import add_signals
from curation.quality.gopher import ENGLISH_STOP_WORDS
from curation.step import require, signal_field, with_fields
from curation.text.words import words_of

STOP_WORDS: dict[str, tuple[str, ...]] = {
    "en": ENGLISH_STOP_WORDS,
    **{
        language: tuple(words.split())
        for language, words in {
            "ar": "في من على إلى أن عن مع هذا التي الذي هذه كان",
            "bn": "এবং এই ও থেকে করে জন্য একটি এর হয় না তার সঙ্গে",
            "cs": "a v na je se že s z do to pro který",
            "de": "der die und in den von zu das mit ist nicht ein",
            "el": "και το της του η να με για από την που είναι",
            "es": "de la que el en y a los del las por con",
            "fa": "و در به از که این را با است برای آن یک",
            "fr": "de la le et les des en un du une que est",
            "gu": "અને છે આ માટે એક કે તે પર હતી હતા સાથે નથી",
            "ha": "da na a ta ya ba wannan cikin ne ga shi don",
            "hi": "के में की है और से का को पर यह एक कि",
            "hu": "a az és hogy nem is egy ez meg volt csak mint",
            "id": "yang dan di dari untuk dengan ini itu pada dalam tidak adalah",
            "it": "di e che la il un a per in una non sono",
            "jv": "ing lan kang sing karo iku ora saka iki ana kanggo dadi",
            "kn": "ಮತ್ತು ಈ ಒಂದು ಆ ಎಂದು ಅವರ ಇದು ಅಥವಾ ಇದೆ ನಂತರ ಎಂಬ ಹಾಗೂ",
            "ko": "및 수 이 그 있는 있다 것은 그리고 등 또는 하는 대한",
            "ml": "ഒരു ഈ എന്ന ആണ് നിന്ന് അത് അല്ലെങ്കിൽ എന്നാൽ ഇത് ശേഷം കൂടി വളരെ",
            "mr": "आणि आहे या व ही हे एक तो च आहेत मध्ये नाही",
            "ms": "yang dan di dari untuk dengan ini itu pada dalam tidak adalah",
            "nl": "de en van het een in is dat op te met voor",
            "pa": "ਦੇ ਦੀ ਦਾ ਅਤੇ ਹੈ ਵਿੱਚ ਨੂੰ ਤੋਂ ਇਸ ਨੇ ਕਿ ਇੱਕ",
            "pl": "i w na z do się nie że to o jest jak",
            "pt": "de a o que e do da em um para com não",
            "ro": "de și în a la cu pe din nu care o este",
            "ru": "и в не на что с как по это но из он",
            "sv": "och i att det som en på är av för med den",
            "sw": "ya na wa kwa ni katika za la hii kuwa cha kama",
            "ta": "மற்றும் ஒரு இந்த என்று அந்த அல்லது இது என்ற உள்ள அவர் போன்ற வேண்டும்",
            "te": "మరియు ఈ ఒక ఆ అని నుండి కోసం ఇది తన లో కూడా లేదా",
            "tl": "ang ng sa na mga ay at si hindi ito para isang",
            "tr": "ve bir bu için ile da de olarak olan daha çok gibi",
            "uk": "і в не на що з та до як у це від",
            "ur": "کے کی میں اور ہے سے کا کو اس نے پر یہ",
            "vi": "và của là có cho trong được các một không với người",
        }.items()
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalStopWords:
    """Adds `signal.num_local_stop_words` (float64): stop words of its language that a text has, each counted once.

    The language is `signal.language`, so `language` comes before it. Null where there is no list for it (`STOP_WORDS`).
    Gopher asks for 2 of its 8 English words.
    """

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Appends the signal; reads `signal.language`."""
        require(require(schema, "text", pa.string()), "signal.language", pa.string())
        return with_fields(schema, [signal_field("num_local_stop_words")])

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Measures `text`."""
        words = words_of(batch["text"])
        known = pa.array(STOP_WORDS, pa.string())
        place = pa.compute.index_in(batch["signal.language"], value_set=known, skip_nulls=True)
        list_N = place.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        hashes = [hashes_of(listed) for listed in STOP_WORDS.values()]
        wanted_LS = np.zeros((len(hashes), max(row.size for row in hashes)), dtype=np.uint64)
        for row, found in zip(wanted_LS, hashes, strict=True):
            row[: found.size] = found
        counts_N = distinct_of_list(words.word_hash_W, words.word_offsets_N1, list_N, wanted_LS)
        signals = {"num_local_stop_words": counts_N.astype(np.float64)}
        return add_signals(batch, signals, null={"num_local_stop_words": list_N < 0})
