import java.io.*;
import java.net.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;

/** Threads that work, allocate and verify themselves; whoever connects is told how far they are. */
public class Load {
  static final int WORKERS = 4;
  static final AtomicLongArray rounds = new AtomicLongArray(WORKERS + 2);
  static final AtomicLong wrong = new AtomicLong();

  /** Sorts and maps numbers that only its seed decides. */
  static void work(int me) {
    for (long seed = me; ; seed += WORKERS) {
      var random = new Random(seed);
      var map = new TreeMap<Long, String>();
      long sum = 0;
      for (int i = 0; i < 1000; i++) {
        long key = random.nextLong();
        sum ^= key;
        map.put(key, Long.toString(key));
      }
      long last = Long.MIN_VALUE, again = 0;
      for (var entry : map.entrySet()) {
        if (entry.getKey() < last || Long.parseLong(entry.getValue()) != entry.getKey()) wrong.incrementAndGet();
        last = entry.getKey();
        again ^= last;
      }
      if (again != sum) wrong.incrementAndGet();
      rounds.incrementAndGet(me);
    }
  }

  public static void main(String[] args) throws Exception {
    for (int i = 0; i < WORKERS; i++) {
      int me = i;
      new Thread(() -> work(me), "worker " + i).start();
    }
    var pool = Executors.newScheduledThreadPool(2);
    pool.scheduleAtFixedRate(() -> rounds.incrementAndGet(WORKERS), 0, 10, TimeUnit.MILLISECONDS);
    var queue = new SynchronousQueue<Long>();
    new Thread(() -> {
      try {
        for (long n = 0; ; n++) queue.put(n);
      } catch (InterruptedException e) {
        wrong.incrementAndGet();
      }
    }).start();
    new Thread(() -> {
      try {
        for (long n = 0; ; n++) {
          if (queue.take() != n) wrong.incrementAndGet();
          if (n % 100 == 0) rounds.incrementAndGet(WORKERS + 1);
        }
      } catch (InterruptedException e) {
        wrong.incrementAndGet();
      }
    }).start();
    try (var server = new ServerSocket(Integer.parseInt(args[0]), 50, InetAddress.getLoopbackAddress())) {
      for (;;) {
        try (var visitor = server.accept()) {
          var text = new StringBuilder("wrong " + wrong.get() + " rounds");
          for (int i = 0; i < rounds.length(); i++) text.append(' ').append(rounds.get(i));
          visitor.getOutputStream().write((text + "\n").getBytes());
        } catch (IOException e) {
          // the visitor is gone
        }
      }
    }
  }
}
