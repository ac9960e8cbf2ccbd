"""Answers JSON lines `{"id", "call", "given"}` on standard input with `{"id", "answer"}` or `{"id", "error"}`.

`worker.py MODULE` serves the functions of that module until its input ends, `THREADS` of the module at a time.
"""

import importlib
import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

# Python and the JVM print to standard output now and then: the answers get a stream of their own.
answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)


one_at_a_time = threading.Lock()


def reply(message):
    with one_at_a_time:
        answers.write(json.dumps(message) + "\n")
        answers.flush()


def first_lines(error):
    return f"{type(error).__name__}: {error}"[:4000]


def answer(request):
    try:
        reply({"id": request["id"], "answer": getattr(module, request["call"])(request["given"])})
    except BaseException as error:  # also a panic of a native library
        reply({"id": request["id"], "error": first_lines(error)})


module = importlib.import_module(sys.argv[1])
reply({"id": 0, "answer": module.versions()})
with ThreadPoolExecutor(module.THREADS) as pool:
    for line in sys.stdin:
        pool.submit(answer, json.loads(line))
    pool.shutdown(wait=False, cancel_futures=True)
    # Threads of the native libraries sometimes abort an orderly exit.
    os._exit(0)
