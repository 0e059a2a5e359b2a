# Answers on this machine's ports while the ways between the machines are proved. Writes nothing to disk.
#
# Read from stdin, after the program:
#     secret ASK ANSWER               what carries ASK is answered with ANSWER, nothing else is
#     listen tcp 10.0.0.11 6443       one per port; tcp or udp
#     go
# Said on stdout: `ASK ready`, with a word for each port that it cannot have: `taken:tcp:22`, `failed:tcp:80`; then,
# every second, `ASK alive SECONDS` since then.
# It ends when its stdin does, at SIGHUP, and at the alarm that was set before the program was read.
use strict;
use warnings;
use Errno qw(EADDRINUSE EADDRNOTAVAIL);
use IO::Handle;
use POSIX ();
use Socket qw(PF_INET SOCK_STREAM SOCK_DGRAM SOL_SOCKET SO_REUSEADDR INADDR_ANY inet_aton pack_sockaddr_in);

use constant { NOBODY => 65534, PATIENCE => 10, CLIENTS => 500 };

my ($ask, $answer);
my ($begun, $told) = (0, 0);
my (%streams, %datagrams, %clients);    # sockets by file number

# A socket at the machine's own address; where no interface has it (it may be translated), at all of them.
sub bound {
    my ($type, $address, $port) = @_;
    socket(my $socket, PF_INET, $type, 0) or return;
    setsockopt($socket, SOL_SOCKET, SO_REUSEADDR, 1) if $type == SOCK_STREAM;
    for my $local (inet_aton($address), INADDR_ANY) {
        return $socket if bind($socket, pack_sockaddr_in($port, $local));
        return if $! != EADDRNOTAVAIL;
    }
    return;
}

# Returns nothing, or why the machine cannot listen there.
sub open_port {
    my ($protocol, $address, $port) = @_;
    my $stream = $protocol eq 'tcp';
    my $socket = bound($stream ? SOCK_STREAM : SOCK_DGRAM, $address, $port);
    return $! == EADDRINUSE ? 'taken' : 'failed' if !$socket;
    if ($stream) {
        listen($socket, 1024) or return $! == EADDRINUSE ? 'taken' : 'failed';
    }
    $socket->blocking(0);
    ($stream ? \%streams : \%datagrams)->{ fileno $socket } = $socket;
    return;
}

sub open_ports {
    my @lacking;
    while (my $line = <STDIN>) {
        my ($word, @rest) = split ' ', $line;
        if    ($word eq 'secret') { ($ask, $answer) = @rest }
        elsif ($word eq 'listen') { my $why = open_port(@rest); push @lacking, "$why:$rest[0]:$rest[2]" if $why }
        elsif ($word eq 'go')     { return @lacking }
    }
    exit;
}

# Ports below 1024 needed root; answering does not.
sub drop_privileges {
    return if $> != 0;
    $) = NOBODY . ' ' . NOBODY;
    POSIX::setgid(NOBODY);
    POSIX::setuid(NOBODY);
}

sub greet {
    my ($listener) = @_;
    while (keys %clients < CLIENTS && accept(my $client, $listener)) {
        $client->blocking(0);
        $clients{ fileno $client } = { socket => $client, until => time + PATIENCE, data => '' };
    }
}

# The client closes first: then nothing waits on this machine's port for the connection's end.
sub hear {
    my ($number) = @_;
    my $client = $clients{$number};
    my $read = sysread $client->{socket}, $client->{data}, 512, length $client->{data};
    if (!$read || length $client->{data} > 512) {
        delete $clients{$number};
    }
    elsif ($client->{data} =~ /^\Q$ask\E ([0-9]+)\n/) {
        syswrite $client->{socket}, "$answer $1\n";
        $client->{data} = '';
    }
    elsif ($client->{data} =~ /\n/) {
        delete $clients{$number};
    }
}

# The answer names the size of what came, and is smaller.
sub echo {
    my ($socket) = @_;
    for (1 .. 64) {
        my $from = recv($socket, my $data, 65536, 0);
        return if !defined $from;
        next if $data !~ /^\Q$ask\E ([0-9]+)\n/;
        send $socket, "$answer $1 " . length($data) . "\n", 0, $from;
    }
}

# Every second; nobody to hear it is the end.
sub beat {
    my $alive = time - $begun;
    return if $alive == $told;
    $told = $alive;
    print "$ask alive $alive\n" or exit;
}

sub serve {
    my $wanted = '';
    vec($wanted, $_, 1) = 1 for fileno(STDIN), keys %datagrams, keys %clients;
    if (keys %clients < CLIENTS) { vec($wanted, $_, 1) = 1 for keys %streams }
    select(my $ready = $wanted, undef, undef, 1);
    exit if vec($ready, fileno STDIN, 1) && !sysread STDIN, my $ignored, 4096;
    for my $number (keys %clients)   { hear($number)              if vec $ready, $number, 1 }
    for my $number (keys %datagrams) { echo($datagrams{$number})  if vec $ready, $number, 1 }
    for my $number (keys %streams)   { greet($streams{$number})   if vec $ready, $number, 1 }
    for my $number (keys %clients) { delete $clients{$number} if $clients{$number}{until} < time }
    beat();
}

$SIG{HUP} = 'DEFAULT';
$SIG{PIPE} = 'IGNORE';
$| = 1;
$/ = "\n";
my @lacking = open_ports();
drop_privileges();
$begun = time;
print join(' ', $ask, 'ready', @lacking), "\n";
serve() while 1;
__END__
