"""Configuration: from a YAML file to frozen values, with every mistake told by file, line and key.

Follow it in this order: `load` (the way in), `document` (YAML and its lines), `schema` (the root
model), `complaints` and `checks` (what is wrong), `planning` (the core's plan), `report` (in
words).
"""
