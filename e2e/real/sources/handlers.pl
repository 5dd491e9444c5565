# Signal handlers, an itimer, and a child that is talked to by pipes.
use strict;
use warnings;
use IPC::Open2;
use POSIX ();
use Time::HiRes qw(setitimer ITIMER_REAL);
$| = 1;
my ($ticks, $usr1) = (0, 0);
$SIG{ALRM} = sub { print "ticks ", $ticks, "\n" if ++$ticks % 5 == 0 };
$SIG{USR1} = sub { print "usr1 ", ++$usr1, "\n" };
$SIG{TERM} = sub { print "term\n"; exit 7 };
setitimer(ITIMER_REAL, 0.01, 0.01);
open2(my $from, my $to, 'cat');
my %squares;
for (my $n = 0; ; $n++) {
    print $to "$n\n";
    my $line;
    do { $line = readline($from) } until defined $line;
    die "not ok - $n came back as $line" if $line != $n;
    $squares{$n % 1000} = $n * $n;
    for my $key (keys %squares) { die "not ok - $key" if sqrt($squares{$key}) % 1000 != $key }
    print "rounds ", $n, "\n" if $n % 50 == 0;
    select(undef, undef, undef, 0.001);
}
