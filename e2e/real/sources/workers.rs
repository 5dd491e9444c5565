// Threads that wait for each other in every way that std has; whoever connects is told how far they are.
use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{mpsc, Arc, Barrier, Condvar, Mutex};
use std::thread;
use std::time::Duration;

const THREADS: usize = 40;

fn main() {
    let port: u16 = std::env::args().nth(1).unwrap().parse().unwrap();
    let rounds: Arc<Vec<AtomicU64>> = Arc::new((0..THREADS + 3).map(|_| AtomicU64::new(0)).collect());
    let wrong = Arc::new(AtomicU64::new(0));
    let (sender, receiver) = mpsc::sync_channel::<(usize, u64)>(8);
    let turn = Arc::new((Mutex::new(0usize), Condvar::new()));

    // A ring of threads: each waits for its turn.
    for me in 0..THREADS {
        let (rounds, wrong, sender, turn) = (rounds.clone(), wrong.clone(), sender.clone(), turn.clone());
        thread::spawn(move || {
            for n in 0.. {
                let mut whose = turn.0.lock().unwrap();
                while *whose != me {
                    whose = turn.1.wait(whose).unwrap();
                }
                *whose = (me + 1) % THREADS;
                drop(whose);
                turn.1.notify_all();
                let map: BTreeMap<String, u64> = (0..40).map(|i| (format!("{}", i * 7919 % 41), i)).collect();
                if map.len() != 40 || map["0"] != 0 {
                    wrong.fetch_add(1, SeqCst);
                }
                rounds[me].fetch_add(1, SeqCst);
                sender.send((me, n)).unwrap();
            }
        });
    }
    let (r, w) = (rounds.clone(), wrong.clone());
    thread::spawn(move || {
        let mut next = vec![0u64; THREADS];
        for (who, n) in receiver {
            if next[who] != n {
                w.fetch_add(1, SeqCst);
            }
            next[who] = n + 1;
            r[THREADS].fetch_add(1, SeqCst);
        }
    });
    let barrier = Arc::new(Barrier::new(2));
    for half in 0..2 {
        let (rounds, barrier) = (rounds.clone(), barrier.clone());
        thread::spawn(move || loop {
            barrier.wait();
            thread::sleep(Duration::from_millis(1 + half as u64));
            rounds[THREADS + 1 + half].fetch_add(1, SeqCst);
        });
    }
    for visitor in TcpListener::bind(("127.0.0.1", port)).unwrap().incoming() {
        let counts: Vec<String> = rounds.iter().map(|count| count.load(SeqCst).to_string()).collect();
        let _ = writeln!(visitor.unwrap(), "wrong {} rounds {}", wrong.load(SeqCst), counts.join(" "));
    }
}
