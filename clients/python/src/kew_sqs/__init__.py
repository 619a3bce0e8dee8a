"""kew, an Amazon SQS-compatible message queue: its binary, test control from Python, and fixtures for pytest."""

from importlib.metadata import version

from kew_sqs.binary import binary
from kew_sqs.control import Fault, Kew, KewError, NotMet
from kew_sqs.server import Server, start

__all__ = ["Fault", "Kew", "KewError", "NotMet", "Server", "__version__", "binary", "start"]

__version__: str = version("kew-sqs")
