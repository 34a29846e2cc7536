"""An API of its own as a distribution of its own."""

from setuptools import setup

setup(
    name="hanami-notes",
    version="0.1.0",
    description="Notes beside the networks of a Hanami server",
    packages=["hanami_notes"],
    package_data={"hanami_notes": ["migrations/*.py"]},
    python_requires=">=3.11",
    install_requires=["hanami[server]", "PyJWT"],
    extras_require={"test": ["pytest"]},
    entry_points={"hanami.plugins": ["notes = hanami_notes"]},
)
