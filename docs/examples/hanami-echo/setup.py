"""A compute host, its rule set, a kind of tasks and a process as a distribution of its own."""

from setuptools import setup

setup(
    name="hanami-echo",
    version="0.1.0",
    description="A host for Hanami whose networks say what they hear",
    packages=["hanami_echo"],
    python_requires=">=3.11",
    install_requires=["hanami[server]"],
    extras_require={"test": ["pytest"]},
    entry_points={"hanami.plugins": ["echo = hanami_echo"]},
)
