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
    requested = parser.parse_args(words)
    headers = [word for header in requested.headers for word in ("--header", header)]
    common = [buf, "curl", "--protocol", "grpc", "--http2-prior-knowledge", *headers]
    if requested.method == "list":
        os.execv(buf, [*common, "--list-services", f"http://{requested.address}"])
    data = ["--data", requested.data.replace("@", "@-", 1) if requested.data == "@" else requested.data or "{}"]
    os.execv(buf, [*common, *data, f"http://{requested.address}/{requested.method}"])


if __name__ == "__main__":
    main()
