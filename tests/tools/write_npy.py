"""Writes a .npy file of the standard library alone: write_npy.py OUT.npy DTYPE SHAPE VALUES, such as `x.npy f4 2,3 1,2,3,4,5,6`."""

import struct
import sys

CODES = {"f8": "d", "f4": "f", "i8": "q", "i4": "i", "i1": "b", "u1": "B", "b1": "?"}


def main(path, dtype, shape, values):
    sizes = [int(size) for size in shape.split(",") if size]
    numbers = [float(value) if dtype[0] == "f" else int(value) for value in values.split(",") if value]
    order = "<" if dtype[1] != "1" else "|"
    text = "{'descr': '%s%s', 'fortran_order': False, 'shape': (%s), }" % (order, dtype, "".join("%d," % s for s in sizes))
    text += " " * (63 - (10 + len(text)) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode())
        file.write(struct.pack("<%d%s" % (len(numbers), CODES[dtype]), *numbers))


main(*sys.argv[1:])
