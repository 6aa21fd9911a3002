"""The core decides and does nothing else.

Rules of this package, held by import-linter and ruff:

- It imports the standard library and itself; no I/O, no clock, no randomness, no logging.
- Time comes in as an argument (`Moment`), ids are made from facts, effects go out as values.
- What crosses its border is frozen. The one object that remembers is `engine.Engine`, and
  `snapshot()` shows all that it remembers.
- Facts (`Observation`), verdicts (`Verdict`) and effects (`Effect`) are three types.
"""
