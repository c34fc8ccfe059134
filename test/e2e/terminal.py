"""Runs a program in a terminal of its own. What it prints comes out as it is; what we are told, a JSON object a line, goes in:
{"type": "ls\\r"} or {"resize": [columns, rows]}. Ends with the program's exit code."""
import fcntl, json, os, pty, select, struct, sys, termios

child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[1], sys.argv[1:])


def resize(columns, rows):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


resize(100, 30)
sources, told = [0, terminal], b""
while True:
    for source in select.select(sources, [], [])[0]:
        try:
            data = os.read(source, 65536)
        except OSError:
            data = b""
        if source == terminal:
            if not data:
                sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            os.write(1, data)
        elif not data:
            sources.remove(0)
        else:
            *lines, told = (told + data).split(b"\n")
            for order in map(json.loads, lines):
                if "resize" in order:
                    resize(*order["resize"])
                else:
                    os.write(terminal, order["type"].encode())
