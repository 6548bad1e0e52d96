"""Print N free TCP ports of the loopback: for the daemons of the emulated cluster, which cannot choose their own."""

import socket
import sys


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:  # all open at a time, so that no two are the same
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


if __name__ == "__main__":
    print(*free_ports(int(sys.argv[1])))
