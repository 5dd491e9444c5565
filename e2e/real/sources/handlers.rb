# Signal handlers, an itimer, threads, and a child that is talked to by pipes.
require 'fiddle'
$stdout.sync = true
ticks = 0
usr1 = 0
trap('ALRM') { ticks += 1; puts "ticks #{ticks}" if ticks % 5 == 0 }
trap('USR1') { usr1 += 1; puts "usr1 #{usr1}" }
trap('TERM') { puts 'term'; exit! 7 }
include Fiddle
setitimer = Function.new(dlopen(nil)['setitimer'], [TYPE_INT, TYPE_VOIDP, TYPE_VOIDP], TYPE_INT)
setitimer.call(0, [0, 10_000, 0, 10_000].pack('q4'), nil) # ITIMER_REAL
queue = Queue.new
Thread.new { n = 0; loop { queue << n; n += 1; sleep 0.002 } }
cat = IO.popen('cat', 'r+')
loop do
  n = queue.pop
  cat.puts n
  back = cat.gets
  abort "not ok - #{n} came back as #{back}" if back.to_i != n
  map = (1..200).to_h { |i| [i.to_s, (n + i) * (n + i)] }
  abort 'not ok - squares' unless map.all? { |i, square| Integer.sqrt(square) == n + i.to_i }
  puts "rounds #{n}" if n % 50 == 0
end
