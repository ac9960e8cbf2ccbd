"""Answers JSON lines `{"id", "call", "given"}` on standard input with `{"id", "answer"}` or `{"id", "error"}`, in order.

`worker.py MODULE` serves the functions of that module until its input ends.
"""

import importlib
import json
import os
import sys

# Python and the JVM print to standard output now and then: the answers get a stream of their own.
answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)


def reply(message):
    answers.write(json.dumps(message) + "\n")
    answers.flush()


def first_lines(error):
    return f"{type(error).__name__}: {error}"[:4000]


module = importlib.import_module(sys.argv[1])
reply({"id": 0, "answer": module.versions()})
for line in sys.stdin:
    request = json.loads(line)
    try:
        reply({"id": request["id"], "answer": getattr(module, request["call"])(request["given"])})
    except BaseException as error:  # also a panic of a native library
        reply({"id": request["id"], "error": first_lines(error)})
# Threads of the native libraries sometimes abort an orderly exit.
os._exit(0)
