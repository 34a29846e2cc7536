"""A dataset format as a distribution of its own."""

from setuptools import setup

setup(
    name="hanami-parquet",
    version="0.1.0",
    description="Parquet files as datasets for Hanami",
    py_modules=["hanami_parquet"],
    python_requires=">=3.11",
    install_requires=["hanami[server]", "pyarrow>=17"],
    extras_require={"test": ["pytest"]},
    entry_points={"hanami.plugins": ["parquet = hanami_parquet"]},
)
