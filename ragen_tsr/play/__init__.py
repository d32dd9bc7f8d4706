"""A person plays an environment in the terminal: ``python -m ragen_tsr.play ENV``.

``game`` plays and takes back turns by the rules that hold for the agent, ``__main__`` reads lines and shows what came
of them.
"""
