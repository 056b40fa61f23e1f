# What a process may do, one "name outcome" a line: ok, or why not. perl, because every Debian has it and it can make any system call.
use strict;
use warnings;
use POSIX ();
use Time::HiRes qw(ualarm);
use Socket qw(AF_INET SOCK_RAW SOCK_STREAM IPPROTO_ICMP pack_sockaddr_in inet_aton);

my ($state, $suid) = @ARGV;
my ($FINIT_MODULE, $UNSHARE, $CLONE_NEWUSER) = ((POSIX::uname())[4] eq 'aarch64' ? (273, 97) : (313, 272), 0x10000000);

sub tried { my ($name, $is_done) = @_; print "$name ", $is_done ? 'ok' : "$!", "\n" }
sub writes { my ($path) = @_; open(my $file, '>', $path) or return 0; close $file; unlink $path; return 1 }
sub reads { my ($path) = @_; open(my $file, '<', $path) or return 0; return defined <$file> }

tried('own-folder', writes("$state/probe"));
# Everybody may write there, as far as the file system goes.
tried('open-folder', writes('/srv/open/probe'));
tried('etc', writes('/etc/probe'));
tried('usr', writes('/usr/probe'));
tried('home', reads('/home/somebody/letter'));
tried('root-home', reads('/root/letter'));
tried('raw-socket', socket(my $raw, AF_INET, SOCK_RAW, IPPROTO_ICMP));
{
  # A listener waits there; a packet that is dropped must not be waited for.
  POSIX::sigaction(POSIX::SIGALRM(), POSIX::SigAction->new(sub { }));
  my $is_done = socket(my $connection, AF_INET, SOCK_STREAM, 0);
  ualarm 300_000;
  $is_done &&= connect($connection, pack_sockaddr_in(7777, inet_aton('198.51.100.1')));
  tried('network', $is_done);
  ualarm 0;
}
open(my $module, '<', '/bin/sh') or die;
tried('module', syscall($FINIT_MODULE, fileno($module), my $options = '', 0) == 0);
chomp(my $uid = `$suid -u`);
print 'setuid ', $uid eq '0' ? 'ok' : "still $uid", "\n";
# Last: it changes the process.
tried('user-namespace', syscall($UNSHARE, $CLONE_NEWUSER) == 0);
