"""abp: run one agent per item over many items, and stay in charge from a terminal."""

__version__ = "0.1.0"
