"""The third conservation law: tokens of kept documents = tokens in the rows, less declared repeats."""

from dataclasses import dataclass

from curation.errors import ConservationError


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBalance:
    """Counts of tokens; each document's EOS is one of its tokens.

    `kept_tokens` without EOS and `eos_tokens` are those of all kept documents, once each; `row_tokens` are the valid
    ones in the rows; `overlap_tokens` start a row and repeat the last of the row before; `repeat_tokens` are
    second and later emissions; `left_out_tokens` belong to documents that are not emitted.
    """

    kept_tokens: int
    eos_tokens: int
    row_tokens: int
    overlap_tokens: int
    repeat_tokens: int
    left_out_tokens: int

    @property
    def difference(self) -> int:
        """Tokens in the rows that no document accounts for (negative: tokens lost)."""
        accounted = self.row_tokens - self.overlap_tokens - self.repeat_tokens + self.left_out_tokens
        return accounted - self.kept_tokens - self.eos_tokens

    def check(self) -> None:
        """Does nothing when the law holds.

        Raises:
            ConservationError: it does not; the message has every term.
        """
        if self.difference:
            raise ConservationError(
                f"tokens: expected {self.kept_tokens} of kept documents + {self.eos_tokens} EOS = "
                f"{self.row_tokens} in rows - {self.overlap_tokens} overlaps - {self.repeat_tokens} repeats + "
                f"{self.left_out_tokens} left out, found a difference of {self.difference}; remove the export"
            )
