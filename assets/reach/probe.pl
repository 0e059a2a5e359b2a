# Tries ports of other machines, and measures how large a packet may be on the way to them. Writes nothing to disk.
#
# Read from stdin, after the program:
#     secret ASK                      what the listeners answer to
#     try 0 tcp 10.0.0.12 6443        one per port
#     try 1 udp 10.0.0.12 4789
#     touch 2 tcp 10.0.0.12 22        somebody else listens there: connect, say nothing
#     path 1                          measure the way of try 1 as well, if that is answered
#     go
# Said on stdout, each line after ASK:
#     0 answered TOKEN                what the listener answered
#     0 connected                     connected, but no listener of ours answers
#     0 refused | prohibited | unreachable | barred | silent
#     0 failed WORDS                  this machine could not try
#     1 path 1500 1450                MTU of the way out, and the largest packet that passes whole
#     done
# It ends when it is done, when its stdin ends, and at the alarm that was set before the program was read.
use strict;
use warnings;
use Errno qw(EINPROGRESS ECONNREFUSED EHOSTUNREACH ENETUNREACH ENOPROTOOPT EACCES EPERM ETIMEDOUT EMSGSIZE);
use IO::Handle;
use POSIX ();
use Socket qw(PF_INET SOCK_STREAM SOCK_DGRAM SOL_SOCKET SO_ERROR SO_LINGER inet_aton pack_sockaddr_in
    unpack_sockaddr_in);

use constant {
    AT_ONCE         => 200,
    PATIENCE        => 4,      # seconds; TCP sends its first packet at 0, 1 and 3
    RESOLVING       => 0.9,    # an absent neighbour is given up after seconds, a firewall's refusal comes at once
    HEADERS         => 28,     # of IPv4 and UDP
    SMALLEST        => 68,     # MTU that every IPv4 link has (RFC 791)
    IP_LEVEL        => 0,
    IP_MTU          => 14,
    IP_MTU_DISCOVER => 10,
    MTU_PROBING     => 3,      # IP_PMTUDISC_PROBE: never fragment, and believe no earlier message about the path
};
my @RESENT = (0, 0.3, 1, 2, 3);            # seconds at which a datagram is sent, and sent again
my $TICKS = POSIX::sysconf(POSIX::_SC_CLK_TCK());

my ($ask, $serial) = ('', 0);
my @tries;
my %measured;                              # ids of tries whose path is measured

sub now { return (POSIX::times())[0] / $TICKS }

sub say_line { print join(' ', $ask, @_), "\n" }

sub read_tries {
    while (my $line = <STDIN>) {
        my ($word, @rest) = split ' ', $line;
        if    ($word eq 'secret') { ($ask) = @rest }
        elsif ($word eq 'path')   { $measured{ $rest[0] } = 1 }
        elsif ($word eq 'go')     { return }
        else {
            my ($id, $protocol, $address, $port) = @rest;
            my $to = pack_sockaddr_in($port, inet_aton($address));
            push @tries, { id => $id, protocol => $protocol, to => $to, silently => $word eq 'touch' };
        }
    }
    exit;
}

# The word for a failure that came `$after` seconds after the first packet; at once and without one (undef), it is local.
sub failure {
    my ($errno, $after) = @_;
    return 'refused'     if $errno == ECONNREFUSED;
    return 'barred'      if $errno == EPERM || $errno == EACCES;
    return 'silent'      if $errno == ETIMEDOUT;
    return 'prohibited'  if $errno == ENOPROTOOPT;
    return defined $after && $after < RESOLVING ? 'prohibited' : 'unreachable'
        if $errno == EHOSTUNREACH || $errno == ENETUNREACH;
    $! = $errno;
    return "failed $!";
}

sub finish {
    my ($try, @words) = @_;
    $try->{done} = 1;
    say_line($try->{id}, @words);
    # What is measured later needs its socket; the others go without leaving the connection's end to wait for.
    delete $try->{socket} unless $words[0] eq 'answered' && $measured{ $try->{id} };
}

sub begin {
    my ($try) = @_;
    my $stream = $try->{protocol} eq 'tcp';
    $try->{begun} = now();
    $try->{heard} = '';
    socket($try->{socket}, PF_INET, $stream ? SOCK_STREAM : SOCK_DGRAM, 0) or return finish($try, failure($! + 0));
    $try->{socket}->blocking(0);
    setsockopt($try->{socket}, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0) if $stream;
    if (!connect($try->{socket}, $try->{to}) && $! != EINPROGRESS) { return finish($try, failure($! + 0)) }
    $try->{serial} = ++$serial;
    $try->{connecting} = $stream;
    $try->{resend} = [@RESENT] if !$stream;
    return;
}

sub connected {
    my ($try) = @_;
    my $errno = unpack 'i', getsockopt($try->{socket}, SOL_SOCKET, SO_ERROR);
    return finish($try, failure($errno, now() - $try->{begun})) if $errno;
    return finish($try, 'connected') if $try->{silently};
    $try->{connecting} = 0;
    $try->{stands} = 1;
    syswrite $try->{socket}, "$ask $try->{serial}\n";
    return;
}

# What is sent may report what became of the datagram before.
sub send_datagram {
    my ($try, $size) = @_;
    my $line = "$ask $try->{serial}\n";
    $line .= 'x' x ($size - HEADERS - length $line) if $size;
    return defined send $try->{socket}, $line, 0;
}

sub hear {
    my ($try) = @_;
    my $read = sysread $try->{socket}, my $data, 4096;
    if (!defined $read) {
        return finish($try, $try->{stands} ? 'connected' : failure($! + 0, now() - $try->{begun}));
    }
    $try->{heard} = $try->{stands} ? $try->{heard} . $data : $data;
    return finish($try, 'answered', $1) if $try->{heard} =~ /^(\w+) \Q$try->{serial}\E\b.*\n/;
    return finish($try, 'connected') if $try->{stands} && (!$read || length $try->{heard} > 4096);
    return;
}

sub tend {
    my ($try) = @_;
    my $age = now() - $try->{begun};
    if ($try->{resend} && @{ $try->{resend} } && $age >= $try->{resend}[0]) {
        shift @{ $try->{resend} };
        send_datagram($try) or return finish($try, failure($! + 0, $age));
    }
    finish($try, $try->{stands} ? 'connected' : 'silent') if $age > PATIENCE;
    return;
}

# Waits a moment; returns subs that say whether a socket can be read, and written.
sub wait_for_sockets {
    my ($seconds, $reading, $writing) = @_;
    my ($r, $w) = ('', '');
    vec($r, fileno $_, 1) = 1 for \*STDIN, @$reading;
    vec($w, fileno $_, 1) = 1 for @$writing;
    my $found = select $r, $w, undef, $seconds;
    ($r, $w) = ('', '') if $found < 0;
    exit if vec($r, fileno STDIN, 1) && !sysread STDIN, my $ignored, 4096;
    return (sub { vec $r, fileno $_[0], 1 }, sub { vec $w, fileno $_[0], 1 });
}

sub undone { return grep { !$_->{done} } @_ }

sub try_all {
    my @waiting = @tries;
    my @open;
    while (@waiting || @open) {
        my @begun = splice @waiting, 0, AT_ONCE - @open;
        begin($_) for @begun;
        @open = undone(@open, @begun);
        tend($_) for @open;
        @open = undone(@open);
        my @reading = map { $_->{socket} } grep { !$_->{connecting} } @open;
        my @writing = map { $_->{socket} } grep { $_->{connecting} } @open;
        my ($readable, $writable) = wait_for_sockets(0.05, \@reading, \@writing);
        for my $try (@open) {
            if ($try->{connecting}) { connected($try) if $writable->($try->{socket}) }
            else                    { hear($try)      if $readable->($try->{socket}) }
        }
        @open = undone(@open);
    }
}

# The MTU of the interface that leads to an address, whatever messages of routers said about the path before.
sub interface_mtu {
    my ($to) = @_;
    my (undef, $packed) = unpack_sockaddr_in($to);
    my ($best, $interface) = (-1, '');
    open my $routes, '<', '/proc/net/route' or return;
    for (<$routes>) {
        my ($name, $network, $flags, $mask) = (split)[0, 1, 3, 7];
        next if $flags !~ /^[0-9A-F]{4}$/ || !(hex($flags) & 1) || (unpack('L', $packed) & hex $mask) != hex $network;
        my $length = unpack '%32b*', pack 'L', hex $mask;
        ($best, $interface) = ($length, $name) if $length > $best;
    }
    open my $mtu, '<', "/sys/class/net/$interface/mtu" or return;
    return 0 + <$mtu>;
}

# Takes what the listeners say of the packets' sizes, for so many seconds or until all have spoken.
sub hear_sizes {
    my ($seconds, @paths) = @_;
    my $end = now() + $seconds;
    while ((my @asked = grep { !defined $_->{whole} } @paths) && now() < $end) {
        my ($readable) = wait_for_sockets($end - now(), [map { $_->{socket} } @asked], []);
        for my $path (grep { $readable->($_->{socket}) } @asked) {
            my $read = sysread $path->{socket}, my $data, 4096;
            if (!defined $read) { $path->{whole} = 0 if $! == EMSGSIZE }
            elsif ($data =~ / \Q$path->{serial}\E ([0-9]+)\n/) { $path->{whole} = $1 + HEADERS == $path->{size} }
        }
    }
}

# Sends one packet of `size` on each path, up to `$times` times; sets `whole`: whether it came so.
sub send_sizes {
    my ($times, @paths) = @_;
    for my $path (@paths) {
        getsockopt $path->{socket}, SOL_SOCKET, SO_ERROR;    # what became of an earlier packet
        @$path{qw(serial whole)} = (++$serial, undef);
    }
    for my $time (1 .. $times) {
        for my $path (grep { !defined $_->{whole} } @paths) {
            $path->{whole} = 0 if !send_datagram($path, $path->{size}) && $! == EMSGSIZE;
        }
        hear_sizes($time < $times ? 0.3 : 0.6, @paths);
    }
}

# Bisects between what is sure to pass and what the interface takes, on all paths side by side.
sub measure_all {
    my @paths = grep { $_->{socket} } @tries;
    for my $path (@paths) {
        setsockopt $path->{socket}, IP_LEVEL, IP_MTU_DISCOVER, pack 'i', MTU_PROBING;
        $path->{mtu} = interface_mtu($path->{to}) || unpack 'i', getsockopt $path->{socket}, IP_LEVEL, IP_MTU;
        @$path{qw(low high size)} = (SMALLEST, $path->{mtu}, $path->{mtu});
    }
    my $times = 6;
    while (my @open = grep { $_->{low} < $_->{high} } @paths) {
        send_sizes($times, @open);
        for my $path (@open) {
            if   ($path->{whole}) { $path->{low}  = $path->{size} }
            else                  { $path->{high} = $path->{size} - 1 }
            $path->{size} = int(($path->{low} + $path->{high} + 1) / 2);
        }
        $times = 3;
    }
    say_line($_->{id}, 'path', @$_{qw(mtu low)}) for @paths;
}

$SIG{HUP} = 'DEFAULT';
$SIG{PIPE} = 'IGNORE';
$| = 1;
$/ = "\n";
read_tries();
try_all();
measure_all();
say_line('done');
__END__
