"""One distribution, five import packages, each in its own source root."""

from pathlib import Path

from setuptools import find_packages, setup

ROOTS = ("core", "plugins", "server", "sdk", "cli")

CLIENT = [
    "pluggy>=1.6",  # commands of installed packages
    "plotille>=6",  # charts in a terminal
    "docopt-ng>=0.9",  # the maintained docopt, same import name
    "protobuf>=6.31,<8",  # messages of direct IO and uploads
    "requests>=2.32",
    "rich>=14",  # tables and progress bars
    "websocket-client>=1.9",
]

PLUGINS = [
    "copier>=9.4",  # renders the distribution of a new plugin; an engine of ours would be one more to learn
]

SERVER = [
    "argon2-cffi>=25.1",  # passphrase hashes
    "cryptography>=46",  # encrypts secrets that must be read back
    "falcon>=4.4,<5",
    "graphql-core>=3.2,<3.3",  # parses, checks and answers GraphQL; the reference implementation in Python
    "gunicorn>=27,<28",
    "lark>=1.3",  # grammars of the template and of the policy file
    "msgspec>=0.22",  # request bodies: strict types, unknown fields refused
    "numba>=0.62",
    "numpy>=2.0",
    "packaging>=24",  # versions that plugins ask for
    "peewee>=4.5,<5",
    "prometheus-client>=0.22,<1",  # the text of /metrics
    "pyjwt>=2.15,<3",
    "pyyaml>=6",  # session templates of Backend.AI are YAML
    "setproctitle>=1.3",  # copies of one process have names in lists of processes
    "structlog>=25",  # readable lines of what is logged, on a terminal
    "websockets>=17,<18",  # the sidecar's side of a socket; it overrides parts that may change
]

LINT = [
    "import-linter>=2.4",
    "mypy>=1.18",
    "pytest>=8.4",  # which our plugin for it is typed with
    "ruff>=0.14",
    "types-docopt",
    "types-protobuf",
    "types-pyyaml",
    "types-requests",
]

DEV = [
    *LINT,
    "hypothesis>=6.130",
    "nvidia-cuda-nvrtc-cu12>=12.8; sys_platform == 'linux'",  # compiles kernels for GPUs where there is none
    "onnx>=1.17",  # networks as ONNX models
    "onnxruntime>=1.20",  # runs them beside the service
    "pyarrow>=20",  # the example of a third-party plugin reads Parquet
    "pytest-timeout>=2.4",
    "pytest-xdist>=3.8",  # tests on all cores; most of them wait for servers
    "schemathesis>=4.5",  # requests made of the API's own description
    "scikit-learn>=1.6",
    "setuptools>=68",
    "tox>=4.25",
    "tritonclient[http]>=2.60",  # a foreign client of the Open Inference Protocol
]

setup(
    name="hanami",
    version="0.1.0",
    description="Neural networks as a service, where every feature is a plugin",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    package_dir={package: f"{root}/{package.replace('.', '/')}" for root in ROOTS for package in find_packages(root)},
    packages=[package for root in ROOTS for package in find_packages(root)],
    package_data={
        "hanami_core": ["py.typed", "migrations/*.py"],
        "hanami_plugins": [
            "py.typed",
            "*/*.graphql",
            "*/*.html",
            "*/*.lark",
            "*/kernels/*.cu",
            "*/kernels/*.cuh",
            "*/migrations/*.py",
        ],
        "hanami_server": ["py.typed", "sample/*", "plugin_template/**", "plugin_template/**/.gitignore"],
        "hanami_sdk": ["py.typed"],
        "hanami_cli": ["py.typed"],
    },
    install_requires=CLIENT,
    extras_require={
        "server": SERVER,
        "onnx": ["onnx>=1.17"],
        "plugins": PLUGINS,
        "parquet": ["pyarrow>=20"],
        "sklearn": ["numpy>=2.0", "scikit-learn>=1.6"],
        "cuda12": [*SERVER, "cupy-cuda12x[ctk]>=13"],
        "cuda13": [*SERVER, "cupy-cuda13x[ctk]>=13"],
        "lint": [*SERVER, *PLUGINS, *LINT],
        "dev": [*SERVER, *PLUGINS, *DEV],
    },
    entry_points={
        "console_scripts": [
            "hanami = hanami_cli.hanami:main",
            "hanamictl = hanami_cli.hanamictl:main",
        ],
        "hanami.cli": [
            "server = hanami_server.commands",
        ],
        "hanami.testing": [
            "app = hanami_plugins.api_v1_0alpha.testing:NativeApp",
            "client = hanami_server.testing:client",
            "server = hanami_server.local:LocalServer",
        ],
        "pytest11": [
            "hanami = hanami_core.testing.plugin",
        ],
        "hanami.plugins": [
            f"{name} = hanami_plugins.{name}"
            for name in (
                "api_backendai",
                "api_control_v1",
                "api_inference",
                "api_v1_0alpha",
                "auth_jwt",
                "backendai_admin",
                "backendai_dotfiles",
                "backendai_folders",
                "backendai_templates",
                "blobs_files",
                "checkpoints",
                "clusters",
                "database_sqlite",
                "datasets",
                "datasets_folders",
                "direct_io",
                "export_csv",
                "export_numpy",
                "export_onnx",
                "export_parquet",
                "folders",
                "format_csv",
                "format_mnist",
                "host_cupy",
                "host_numba",
                "hosts",
                "keypairs",
                "logs",
                "measurements",
                "metrics",
                "networks_section",
                "networks_synapse",
                "openapi",
                "policy_file",
                "predictions",
                "projects",
                "quotas",
                "retention",
                "tasks",
                "template_hexagons",
                "uploads",
                "users",
            )
        ],
    },
)
