"""Stands in for grpcurl in the examples of the documentation: the few flags that they use, run by `buf curl`.

grpcurl.py BUF -plaintext [-H HEADER]... [-d DATA] ADDRESS [SERVICE/METHOD | list]
"""

import argparse
import os
import sys


def main() -> None:
    buf, *words = sys.argv[1:]
    parser = argparse.ArgumentParser(prog="grpcurl")
    parser.add_argument("-plaintext", action="store_true", required=True)
    parser.add_argument("-H", action="append", default=[], dest="headers")
    parser.add_argument("-d", default="", dest="data")
    parser.add_argument("address")
    parser.add_argument("method")
    asked = parser.parse_args(words)
    headers = [word for header in asked.headers for word in ("--header", header)]
    common = [buf, "curl", "--protocol", "grpc", "--http2-prior-knowledge", *headers]
    if asked.method == "list":
        os.execv(buf, [*common, "--list-services", f"http://{asked.address}"])
    data = ["--data", asked.data.replace("@", "@-", 1) if asked.data == "@" else asked.data or "{}"]
    os.execv(buf, [*common, *data, f"http://{asked.address}/{asked.method}"])


if __name__ == "__main__":
    main()
