"""Mutated inputs for everything that the program reads; `make fuzz` runs it.

``python -m fuzz --help`` says how; `fuzz.formats` lists what is read and how it is damaged.
"""
