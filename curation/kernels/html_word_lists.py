"""Words that tell blocks of content from others: function words of eleven languages, calls to act, and notices."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from curation.kernels import borrowing
from curation.kernels.words import words

FUNCTION_WORDS = (
    "the of and to in a is that for it was on with as are be this by at from his her they we you not "
    "have has had or an but which",
    "der die das und in den von zu mit sich des auf für ist im dem nicht ein eine als auch es an werden "
    "aus er hat dass sie nach",
    "le la les de des et en un une du que est pour qui dans sur pas plus par ne se au avec ce il sont",
    "el los las y del que por con una su para es al lo como más pero sus fue este ha",
    "il di che per non una sono con da si come più ma dei nel alla della anche",
    "o os as do da dos das em um uma não mais foi ao pelo são",
    "het een van dat niet zijn te op voor met aan er maar om ook bij",
    "w i z na się nie do jest że to jak po za od ale przez tym",
    "и в не на что с по это как из у за от к но он для",
    "och att det som en på av är den till inte för med ett har",
    "в на та що не до є за від як у і про",
)
CALLS = (
    "share tweet facebook twitter instagram pinterest linkedin whatsapp email print comment comments "
    "reply subscribe sign log login "
    "newsletter follow click read more related tags posted advertisement sponsored menu search home next previous "
    "teilen kommentare kommentar anmelden mehr weiterlesen drucken suche partager commentaires commenter "
    "lire suivant abonnez "
    "compartir comentarios leer suscríbete condividi commenti leggi udostępnij komentarze czytaj"
)
NOTICES = (
    "copyright cookie cookies privacy policy terms rights reserved conditions disclaimer datenschutz "
    "impressum agb nutzungsbedingungen "
    "confidentialité mentions légales privacidad derechos reservados javascript browser consent"
)
_SLOTS = 2048


@cache
def listed() -> NDArray[np.uint64]:
    """Returns uint64 (SLOTS, 2): hashes of listed words, and 1 for a function word, 2 for a call, 3 for a notice."""
    table = np.zeros((_SLOTS, 2), np.uint64)
    for kind, names in ((1, " ".join(FUNCTION_WORDS)), (2, CALLS), (3, NOTICES)):
        values = np.frombuffer(names.encode(), np.uint8)
        for hashed in words(values, np.array([0, values.size], np.int64)).hash_W:
            slot = int(hashed) % _SLOTS
            while table[slot, 1] and table[slot, 0] != hashed:
                slot = (slot + 1) % _SLOTS
            if not table[slot, 1]:
                table[slot] = hashed, kind
    table.setflags(write=False)
    return table


@borrowing
def listed_kind(listed_S2, hashed):  # type: ignore[no-untyped-def]
    """Returns 1 for a function word, 2 for a call, 3 for a notice, 0 for another; by its hash."""
    slot = hashed % np.uint64(_SLOTS)
    while listed_S2[slot, 1] != np.uint64(0):
        if listed_S2[slot, 0] == hashed:
            return np.int64(listed_S2[slot, 1])
        slot = (slot + np.uint64(1)) % np.uint64(_SLOTS)
    return 0
