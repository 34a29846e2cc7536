"""A compute host for networks of the server's own rule set as a distribution of its own."""

from setuptools import setup

setup(
    name="hanami-numpy",
    version="0.1.0",
    description="A host for Hanami that computes with NumPy alone",
    packages=["hanami_numpy"],
    python_requires=">=3.11",
    install_requires=["hanami[server]"],
    extras_require={"test": ["pytest"]},
    entry_points={"hanami.plugins": ["numpy = hanami_numpy"]},
)
