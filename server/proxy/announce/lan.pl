# Speaks ARP (RFC 826, 5227) and neighbour discovery (RFC 4861) for the agent: Node has no raw sockets. Needs CAP_NET_RAW.
#   perl lan.pl announce INTERFACE INDEX MAC ADDRESS ...        says that the addresses are at this MAC, to everybody
#   perl lan.pl probe MS INTERFACE INDEX MAC ADDRESS ...        prints "ADDRESS MAC" for each that answers within MS
# Several interfaces: the groups INTERFACE INDEX MAC ADDRESS ... are separated by "--".
use strict;
use warnings;
use Socket qw(inet_pton inet_ntop AF_INET AF_INET6);

my $action = shift;
my $limit = $action eq 'probe' ? shift() / 1000 : 0;
my $all = "\xff" x 6;
my (@groups, @group);
for (@ARGV, '--') { if ($_ eq '--') { push @groups, [@group]; @group = () } else { push @group, $_ } }

sub ethernet { my ($to, $from, $type, $body) = @_; return $to . $from . pack('n', $type) . $body }

sub arp { # operation, sender's MAC and address, target's MAC and address
  my ($mac, $op, $from, $to_mac, $to) = @_;
  return ethernet($all, $mac, 0x0806, pack('nnCCn', 1, 0x0800, 6, 4, $op) . $mac . $from . $to_mac . $to);
}

sub icmp6 { # the checksum is over a pseudo header too (RFC 8200, 8.1)
  my ($to_mac, $mac, $from, $to, $body) = @_;
  my $sum = unpack('%32n*', $from . $to . pack('NN', length $body, 58) . $body);
  $sum = ($sum & 0xffff) + ($sum >> 16) for 1 .. 2;
  substr($body, 2, 2) = pack('n', ~$sum & 0xffff);
  return ethernet($to_mac, $mac, 0x86dd, pack('NnCC', 0x60000000, length $body, 58, 255) . $from . $to . $body);
}

sub frames { # of one address
  my ($text, $mac) = @_;
  my $four = inet_pton(AF_INET, $text);
  if (defined $four) {
    return arp($mac, 1, "\0" x 4, "\0" x 6, $four) if $action eq 'probe';
    return (arp($mac, 2, $four, $all, $four), arp($mac, 1, $four, "\0" x 6, $four)); # both forms: some hosts heed one only
  }
  my $six = inet_pton(AF_INET6, $text);
  if ($action eq 'probe') {
    my $last = substr($six, 13);
    my $group = inet_pton(AF_INET6, 'ff02::1:ff00:0');
    substr($group, 13) = $last;
    return icmp6("\x33\x33\xff$last", $mac, "\0" x 16, $group, pack('CCnN', 135, 0, 0, 0) . $six);
  }
  # Override: the MAC that others know is no longer the right one.
  return icmp6("\x33\x33\0\0\0\x01", $mac, $six, inet_pton(AF_INET6, 'ff02::1'), pack('CCnN', 136, 0, 0, 0x20000000) . $six . "\x02\x01" . $mac);
}

my (%sockets, %wanted, %found);
for (@groups) {
  my ($name, $index, $mac_text, @addresses) = @$_;
  my $mac = pack('H12', $mac_text =~ tr/://dr);
  for my $type (0x0806, 0x86dd) { # a socket hears frames of its own type only: a busy machine has many others
    my @own = grep { ($type == 0x86dd) == (index($_, ':') >= 0) } @addresses;
    next if !@own;
    socket(my $socket, 17, 3, unpack('S', pack('n', $type))) or die "socket: $!\n"; # AF_PACKET, SOCK_RAW
    bind($socket, pack('SnlSCCa8', 17, $type, $index, 0, 0, 0, '')) or die "bind $name: $!\n";
    for my $address (@own) {
      $wanted{inet_pton($type == 0x0806 ? AF_INET : AF_INET6, $address)} = $address;
      for (frames($address, $mac)) { send($socket, $_, 0) or die "send $name: $!\n" }
    }
    $sockets{fileno $socket} = [$socket, $mac, \@own];
  }
}

# Three times in the given time: a frame may be lost. What select leaves of its time is Linux' own word.
for my $turn ($action eq 'probe' ? (1 .. 3) : ()) {
  if ($turn > 1) { for (values %sockets) { my ($socket, $mac, $own) = @$_; for my $address (@$own) { send($socket, $_, 0) for frames($address, $mac) } } }
  my ($count, $left) = (0, $limit / 3);
  while ($left > 0 && keys(%found) < keys(%wanted)) {
    my $ready = '';
    vec($ready, $_, 1) = 1 for keys %sockets;
    ($count, $left) = select($ready, undef, undef, $left);
    last if $count <= 0;
    for my $number (grep { vec($ready, $_, 1) } keys %sockets) { hear(@{$sockets{$number}}) }
  }
}

sub hear {
  my ($socket, $mac) = @_;
  recv($socket, my $frame, 2048, 0);
  return if length $frame < 42;
  my $type = unpack('n', substr($frame, 12, 2));
  my ($address, $at) = (undef, substr($frame, 6, 6));
  # A claim is an answer, and any other ARP packet of somebody who uses the address.
  if ($type == 0x0806) { ($at, $address) = (substr($frame, 22, 6), substr($frame, 28, 4)) }
  elsif (length $frame >= 78 && ord(substr($frame, 20, 1)) == 58 && ord(substr($frame, 54, 1)) == 136) { $address = substr($frame, 62, 16) }
  return if !defined $address || !exists $wanted{$address} || $at eq $mac;
  $found{$address} //= join ':', map { sprintf '%02x', ord } split //, $at;
}

print "$wanted{$_} $found{$_}\n" for keys %found;
