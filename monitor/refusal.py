"""Errors that a command turns into exit status 2: what cannot be used, in a line or a few."""

from __future__ import annotations


class Refusal(Exception):  # noqa: N818  # the word for what it is
    """The input or the set-up is unusable; the text is for people and names the place."""
