# Prints what comes to a datagram socket, a line each: Node cannot receive on one.
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('bound', flush=True)
while True:
    for line in s.recv(4096).decode().split('\n'):
        print(line, flush=True)
