"""A blob store as a distribution of its own."""

from setuptools import setup

setup(
    name="hanami-objectstore",
    version="0.1.0",
    description="Blobs of a Hanami server in an object store",
    packages=["hanami_objectstore"],
    python_requires=">=3.11",
    install_requires=["hanami[server]"],
    extras_require={"test": ["pytest"]},
    entry_points={"hanami.plugins": ["objectstore = hanami_objectstore"]},
)
