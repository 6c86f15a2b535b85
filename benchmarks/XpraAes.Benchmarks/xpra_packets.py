"""What a packet costs in Python: the work that docs/protocol.md, section 7, describes, done with python3-cryptography.

Reads lines of "mode stream size seconds", and answers each with the packets a second of processor time.
"""
import os
import struct
import sys
import time

from cryptography.hazmat.backends import default_backend
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

KEY = os.urandom(32)
HEADER = struct.Struct("!cBBBL")


def encryptor(mode, iv):
    return Cipher(algorithms.AES(KEY), getattr(modes, mode)(iv), backend=default_backend()).encryptor()


def packets(mode, stream, size):
    """A function that encrypts one packet: its header and what follows it."""
    data = os.urandom(size)
    unit = 16 if mode == "CBC" else 0

    def padded(announced):
        if not unit:
            return data
        count = unit - announced % unit
        return data + bytes((count,)) * count

    if stream:
        context = encryptor(mode, os.urandom(16))

        def one():
            return HEADER.pack(b"P", 0x12, 0, 0, size), context.update(padded(size))
    else:
        def one():
            iv = os.urandom(16)
            fresh = encryptor(mode, iv)
            return HEADER.pack(b"P", 0x12, 0, 0, size + 16), iv + fresh.update(padded(size + 16)) + fresh.finalize()
    return one


def measure(one, size, seconds):
    batch = max(1, 65536 // size)
    count = 0
    start = time.process_time()
    while True:
        for _ in range(batch):
            one()
        count += batch
        used = time.process_time() - start
        if used >= seconds:
            return count / used


for line in sys.stdin:
    mode, stream, size, seconds = line.split()
    print(measure(packets(mode, stream == "1", int(size)), int(size), float(seconds)), flush=True)
