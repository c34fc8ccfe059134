"""Names, and what is dialled by them. Not on the plain host: its ports and its resolver are not ours."""

import hashlib

from harness import ARGUMENTS, Session, equal, test
from network_host import *  # noqa: F403
from wire import *  # noqa: F403

# What a guest's program has: perl's sockets are in every Debian, python is not.
PERL = "use Socket; $|=1; my $a=inet_aton(shift) or die qq(no address: $?\n); socket(S,PF_INET,SOCK_STREAM,0) or die; connect(S,sockaddr_in(shift,$a)) or die qq(connect: $!\n); "


def dial(wire, host, port, then, **options):
    return wire.start("perl", "-e", PERL + then, host, str(port), **options)


def open_network(place, ports=(80, 443), **configuration):
    return Session(place, ports=ports, **configuration)


@test("container", "bubblewrap")
def has_a_network_only_where_it_was_told(place):
    with Session(place) as wire:
        equal(wire.hello["features"] & FEATURE, 0)
        equal(wire.run("getent", "hosts", "a.test")["end"]["code"], 2)
    with open_network(place) as wire:
        equal(wire.hello["features"] & FEATURE, FEATURE)
        equal(wire.run("getent", "hosts", "a.test")["out"][1].split()[0], b"127.64.0.1")
        equal([wire.run("getent", "hosts", name)["end"]["code"] for name in ("a.test", "A.TEST", "a b", "a..b")], [0, 0, 2, 2])


@test("container", "bubblewrap")
def hands_on_what_was_dialled(place):
    with open_network(place, ports=(80, 443, 5432)) as wire:
        network = Network(wire)
        for host, port in (("a.test", 80), ("Db.Internal", 5432), ("a.test", 443)):
            stream = dial(wire, host, port, "syswrite(S,qq(hello\n)); shutdown(S,1); print <S>")
            connection = network.next()
            equal((connection.via, connection.host, connection.port), (1, host.lower(), port))
            network.until(lambda: connection.ended)
            equal(bytes(connection.received), b"hello\n")
            connection.send_all(b"and back\n", last=True)
            connection.close()
            equal(wire.until(stream, "end")["code"], 0)
            equal(bytes(wire.streams[stream]["out"][1]), b"and back\n")
            network.until(lambda: connection.closed)
        stream = dial(wire, "127.0.0.1", PROXY_PORT, "syswrite(S,qq(CONNECT\n)); print <S>")
        connection = network.next()
        equal((connection.via, connection.host, connection.port), (2, "", PROXY_PORT))
        network.until(lambda: connection.received == b"CONNECT\n")
        connection.send_all(b"no\n", last=True)
        equal(wire.until(stream, "end")["code"], 0)


@test("container", "bubblewrap")
def refuses_what_has_no_name(place):
    with open_network(place) as wire:
        Network(wire)
        script = "for (my $i=0;$i<1;$i++) { my $n=sysread(S,my $b,1); print defined $n ? qq(end) : qq($!) }"
        for host, port in (("127.64.3.3", 80), ("127.0.0.1", 80), ("127.1.2.3", PROXY_PORT)):
            it = wire.run("perl", "-e", PERL + script, host, str(port))
            assert it["out"][1] == b"Connection reset by peer" or b"reset" in it["out"][2], (host, it["out"])
        assert b"refused" in wire.run("perl", "-e", PERL, "a.test", "81")["out"][2]
        equal(wire.ping()["commands"], 0)


@test("container", "bubblewrap")
def carries_bytes_both_ways_within_their_windows(place):
    with open_network(place) as wire:
        network = Network(wire)
        sent = bytes(i * 31 % 251 for i in range(1 << 20)) * 4
        echo = "my $b; while (sysread(S,$b,65536)) { my $at=0; while ($at<length $b) { $at+=syswrite(S,$b,length($b)-$at,$at) // die } }"
        stream = dial(wire, "echo.test", 80, echo)
        connection = network.next()
        at = 0
        while at < len(sent) or not connection.ended:
            at += connection.send(sent[at : at + CHUNK], last=at + CHUNK >= len(sent)) if at < len(sent) else 0
            if connection.credit == connection.sent or at == len(sent):
                wire.step(20)
            if len(connection.received) == len(sent) and at == len(sent):
                break
        equal(hashlib.sha256(connection.received).digest(), hashlib.sha256(sent).digest())
        wire.until(stream, "end")


@test("container", "bubblewrap")
def holds_who_does_not_read_and_who_is_not_read(place):
    with open_network(place) as wire:
        network = Network(wire, grant=0)
        # Nobody gives it credit: it fills the kernel's buffers and waits.
        writer = dial(wire, "deaf.test", 80, "syswrite(S,'x' x 65536) for 1..1000; print 'through'")
        deaf = network.next()
        reader = dial(wire, "slow.test", 80, "print qq(connected\n); sleep 1000")
        slow = network.next()
        wire.until(reader, "started")
        # It reads nothing: so much goes in, and then there is no more credit.
        total = 0
        try:
            while True:
                piece = slow.send(bytes(CHUNK))
                total += piece
                if piece == 0:
                    wire.step(1)
        except Timeout:
            pass
        assert 262144 <= total < 32 << 20, total
        equal(len(deaf.received), 0)
        for _ in range(20):
            equal(wire.run("echo", "alive")["out"][1], b"alive\n")
        deaf.grant(100000)
        network.until(lambda: len(deaf.received) == 100000)
        resident = wire.ping()["resident"]
        assert ARGUMENTS.sanitized or resident < 4 << 20, resident
        # Beyond the window is a violation.
        wire.send(DATA, slow.stream, b"x")
        equal(wire.fault()[1], "window")
        assert writer != reader


@test("container", "bubblewrap")
def tells_of_resets_both_ways(place):
    with open_network(place) as wire:
        network = Network(wire)
        stream = dial(wire, "a.test", 80, "my $n=sysread(S,my $b,1); print defined $n ? 'end' : qq($!)")
        connection = network.next()
        connection.close()
        wire.until(stream, "end")
        equal(bytes(wire.streams[stream]["out"][1]), b"Connection reset by peer")
        network.until(lambda: connection.closed)
        # A program that dies with bytes that it has not read.
        stream = dial(wire, "a.test", 80, "<STDIN>", flags=1)
        connection = network.next()
        connection.send_all(b"unread")
        wire.ping()
        wire.send(SIGNAL, stream, u32(9) + u32(0))
        network.until(lambda: connection.closed)
        equal(network.connections, {})


@test("container", "bubblewrap")
def half_closed_both_ways(place):
    with open_network(place) as wire:
        network = Network(wire)
        stream = dial(wire, "a.test", 80, "print <S>; print S qq(after the end); close S")
        connection = network.next()
        connection.send_all(b"first\n", last=True)
        network.until(lambda: connection.ended)
        equal(bytes(connection.received), b"after the end")
        equal(connection.closed, False)
        connection.close()
        network.until(lambda: connection.closed)
        wire.until(stream, "end")
        # What is under way when both have said all is still delivered.
        stream = dial(wire, "a.test", 80, "shutdown(S,1); <STDIN>; my $n=0; while (my $k=sysread(S,my $b,65536)) { $n+=$k } print $n", flags=1)
        connection = network.next()
        network.until(lambda: connection.ended)
        total = 0
        while connection.credit > connection.sent:
            total += connection.send(bytes(CHUNK))
        connection.send(b"", last=True)
        connection.close()
        network.until(lambda: connection.closed)
        wire.send(STDIN, stream, u64(0) + b"\n", 1)
        equal(wire.until(stream, "end")["code"], 0)
        equal(int(wire.streams[stream]["out"][1]), total)


@test("container", "bubblewrap")
def keeps_to_the_number_of_connections(place):
    with open_network(place) as wire:
        network = Network(wire, grant=0)
        many = "my @s; my $in=sockaddr_in($ARGV[1] // 80, inet_aton('many.test')); for (1..600) { socket(my $t,PF_INET,SOCK_STREAM,0) or die; connect($t,$in); push @s,$t } print qq(held\n); <STDIN>"
        stream = wire.start("perl", "-e", "use Socket; $|=1; " + many, flags=1)
        wire.until(stream, "out")
        network.until(lambda: bytes(wire.streams[stream]["out"][1]) == b"held\n")
        wire.ping()
        equal(len(network.opened), 256)
        equal(wire.run("echo", "alive")["out"][1], b"alive\n")
        wire.send(STDIN, stream, u64(0) + b"\n", 1)
        wire.until(stream, "end")
        # Nobody has read them, so nobody has heard that they are gone, but for those who have.
        network.until(network.close_all)
        network.automatic = 262144
        wire.start("perl", "-e", PERL + "<S>", "a.test", "80")
        equal(network.next().host, "a.test")


@test("container", "bubblewrap")
def outlives_a_flood_of_connections_and_of_questions(place):
    with open_network(place) as wire:
        network = Network(wire)
        connects = "$SIG{PIPE}='IGNORE'; my $a=inet_aton('flood.test'); for my $i (1..5000) { socket(my $t,PF_INET,SOCK_STREAM,0) or die; connect($t,sockaddr_in(80,$a)); syswrite($t,'x') if $i % 3 == 0; setsockopt($t,SOL_SOCKET,SO_LINGER,pack('ii',1,0)) if $i % 2; close $t }"
        questions = "socket(my $u,PF_INET,SOCK_DGRAM,0); my $to=sockaddr_in(53,inet_aton('127.0.0.1')); send($u,pack('n6C/a*C/a*Cnn',$_ & 65535,256,1,0,0,0,qq(n$_),'test',0,1,1),0,$to) for 1..20000; send($u,join('',map chr rand 256,1..60),0,$to) for 1..10000"
        equal(wire.run("getent", "hosts", "flood.test")["out"][1].split()[0], b"127.64.0.1")
        first = wire.start("perl", "-e", "use Socket; " + connects)
        second = wire.start("perl", "-e", "use Socket; " + questions)
        done = 0
        while wire.streams[first]["end"] is None or wire.streams[second]["end"] is None:
            wire.step(30)
            for connection in [each for each in network.connections.values() if each.ended and not each.said_close]:
                connection.close()
            if len(network.opened) // 1000 > done:
                done = len(network.opened) // 1000
                equal(wire.run("echo", "alive", timeout=30)["out"][1], b"alive\n")
        equal((wire.streams[first]["end"]["code"], wire.streams[second]["end"]["code"]), (0, 0))
        network.until(network.close_all)
        # Full: those that were given stay, and others are refused.
        equal(wire.run("getent", "hosts", "flood.test")["out"][1].split()[0], b"127.64.0.1")
        equal(wire.run("getent", "hosts", "another.test")["end"]["code"], 2)
        resident = wire.ping()["resident"]
        assert ARGUMENTS.sanitized or resident < 3 << 20, resident


@test("container", "bubblewrap")
def knows_what_was_dialled_when_many_names_have_come_since(place):
    with open_network(place) as wire:
        # Nobody reads what init says, so it cannot say OPEN before there are many more names.
        for _ in range(3):
            wire.start("head", "-c", "1000000", "/dev/zero")
        names = "socket(my $u,PF_INET,SOCK_DGRAM,0); for (1..2000) { send($u,pack('n6C/a*C/a*Cnn',$_,256,1,0,0,0,qq(n$_).('x' x 50),'test',0,1,1),0,sockaddr_in(53,inet_aton('127.0.0.1'))); recv($u,my $b,512,0) } print qq(asked\\n); syswrite(S,'x'); sleep 1000"
        stream = dial(wire, "first.test", 80, names)
        time.sleep(2)
        connection = Network(wire).next()
        equal((connection.host, connection.port), ("first.test", 80))
        connection.network.until(lambda: connection.received == b"x")
        equal(bytes(wire.streams[stream]["out"][1]), b"asked\n")


@test("container", "bubblewrap")
def answers_dns_over_tcp(place):
    with open_network(place) as wire:
        ask = "my $q=pack('n6C/a*C/a*Cnn',7,256,1,0,0,0,'a','test',0,1,1); print S pack('n/a*',$q) x 2; S->flush; for (1..2) { my $b=''; while (length $b < 42) { sysread(S,$b,42-length $b,length $b) or die qq(short\n) } print join('.',unpack('C4',substr $b,-4)),qq(\n) }"
        for host in ("127.0.0.1", "127.0.0.53"):
            it = wire.run("perl", "-MIO::Handle", "-e", PERL + ask, host, "53")
            equal((it["out"][1], it["out"][2]), (b"127.64.0.1\n127.64.0.1\n", b""))
        # More than are served at once, and half a question each: the oldest go, the newest is answered.
        hold = "my @s; for (1..40) { socket(my $t,PF_INET,SOCK_STREAM,0); connect($t,sockaddr_in(53,inet_aton('127.0.0.1'))) or die; syswrite($t,'ab'); push @s,$t } print qq(held\n); <STDIN>"
        stream = wire.start("perl", "-e", "use Socket; $|=1; " + hold, flags=1)
        while b"held" not in wire.streams[stream]["out"][1]:
            wire.step()
        equal(wire.run("perl", "-MIO::Handle", "-e", PERL + ask, "127.0.0.1", "53")["out"][1], b"127.64.0.1\n127.64.0.1\n")


@test("container", "bubblewrap")
def resets_connections_when_another_host_attaches(place):
    with open_network(place) as wire:
        network = Network(wire)
        stream = dial(wire, "a.test", 80, "syswrite(S,'x'); my $n=sysread(S,my $b,1); print defined $n ? 'end' : qq($!); sleep 1000")
        network.until(lambda: network.opened and network.opened[0].received == b"x")
        wire.attach()
        network = Network(wire)
        wire.resume(stream)
        while b"reset" not in wire.streams[stream]["out"][1]:
            wire.step()
        # Numbered anew.
        dial(wire, "b.test", 80, "<S>")
        connection = network.next()
        equal((connection.stream, connection.host), (1, "b.test"))


@test("container", "bubblewrap")
def answers_violations_of_the_network(place):
    def refused(name, make, reason):
        with open_network(place) as wire:
            network = Network(wire)
            dial(wire, "a.test", 80, "syswrite(S,'x'); <S>; sleep 1000")
            connection = network.next()
            make(wire, connection)
            equal((name, wire.fault()[1]), (name, reason))

    refused("no stream", lambda w, c: w.send(DATA, 9, b"x"), "stream")
    refused("nothing", lambda w, c: w.send(DATA, c.stream), "payload")
    refused("credit back", lambda w, c: w.send(CREDIT, c.stream, u64(5)), "window")
    refused("after the end", lambda w, c: (c.send(b"", last=True), w.send(DATA, c.stream, b"x")), "state")
    refused("after the last word", lambda w, c: (c.close(), w.send(CLOSE, c.stream)), "stream")
