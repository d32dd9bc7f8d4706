"""How good a policy is: episodes on held-out prompts, and what is said of them.

:mod:`.command` takes a command line apart, :mod:`.subject` finds out what MODEL names, :mod:`.play` plays the episodes
and keeps them, :mod:`.metrics` measures them, :mod:`.seen` tells held-out starts from those that training has played,
:mod:`.report` writes table, JSON, CSV and HTML. What generates is :mod:`.engines`'.
"""
