/**
 * Node has no Unix datagram sockets, which is what sd_notify(3) sends to. One small helper a supervisor receives for
 * it, in whichever of these languages the system has; most have Perl. It reads `open <id> <path>` and `close <id>`,
 * and writes `opened <id>`, `failed <id> <why>` and `said <id> <message>` with the message's newlines as \x1e.
 * It ends, and removes its sockets, when its stdin does.
 */

export interface HelperProgram {
  file: string
  args: string[]
}

const PERL = String.raw`
use strict; use Socket;
$SIG{INT} = $SIG{TERM} = $SIG{HUP} = 'IGNORE';
umask 0177; $| = 1;
my (%socket, %path); my $commands = '';
while (1) {
  my $ready = ''; vec($ready, 0, 1) = 1;
  vec($ready, fileno($_), 1) = 1 for values %socket;
  next if select($ready, undef, undef, undef) < 0;
  for my $id (keys %socket) {
    next unless vec($ready, fileno($socket{$id}), 1);
    next unless defined recv($socket{$id}, my $said, 8192, 0);
    $said =~ s/\n/\x1e/g; print "said $id $said\n";
  }
  next unless vec($ready, 0, 1);
  last unless sysread(STDIN, $commands, 4096, length $commands);
  while ($commands =~ s/^(.*)\n//) {
    my ($verb, $id, $path) = split / /, $1, 3;
    if ($verb eq 'open') {
      unlink $path; my $new;
      if (socket($new, AF_UNIX, SOCK_DGRAM, 0) && bind($new, sockaddr_un($path))) {
        $socket{$id} = $new; $path{$id} = $path; print "opened $id\n";
      } else { print "failed $id $!\n"; }
    } elsif (defined $socket{$id}) {
      close $socket{$id}; unlink $path{$id}; delete $socket{$id}; delete $path{$id};
    }
  }
}
unlink values %path;
`

const PYTHON = String.raw`
import os, signal, socket, select, sys
for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP): signal.signal(one, signal.SIG_IGN)
os.umask(0o177)
sockets, paths, commands = {}, {}, b''
def tell(*words): os.write(1, b' '.join(words) + b'\n')
while True:
    ready = select.select([0] + list(sockets.values()), [], [])[0]
    for id, one in list(sockets.items()):
        if one in ready: tell(b'said', id, one.recv(8192).replace(b'\n', b'\x1e'))
    if 0 not in ready: continue
    more = os.read(0, 4096)
    if not more: break
    *lines, commands = (commands + more).split(b'\n')
    for line in lines:
        verb, id, *path = line.split(b' ', 2)
        if verb == b'open':
            try:
                if os.path.exists(path[0]): os.unlink(path[0])
                new = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                new.bind(path[0]); sockets[id], paths[id] = new, path[0]
                tell(b'opened', id)
            except OSError as error: tell(b'failed', id, str(error).encode())
        elif id in sockets:
            sockets.pop(id).close(); os.unlink(paths.pop(id))
for path in paths.values(): os.unlink(path)
`

export const HELPER_PROGRAMS: readonly HelperProgram[] = [
  { file: 'perl', args: ['-e', PERL] },
  { file: 'python3', args: ['-c', PYTHON] },
]
