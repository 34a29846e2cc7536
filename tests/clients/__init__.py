"""Released clients of others whose requirements do not go together, each in an environment of its own: see tox.ini."""
