// Goroutines on threads of their own and on shared ones; whoever connects is told how far they are.
package main

import (
	"fmt"
	"hash/crc32"
	"net"
	"os"
	"runtime"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

const threads = 24

var rounds [threads + 2]int64
var wrong int64

func work(me int) {
	if me%2 == 0 {
		runtime.LockOSThread()
	}
	for seed := uint32(me); ; seed += threads {
		numbers := make([]int, 300)
		sum := 0
		x := seed*2654435761 + 1
		for i := range numbers {
			x = x*1664525 + 1013904223
			numbers[i] = int(x)
			sum ^= int(x)
		}
		sort.Ints(numbers)
		text := []byte(fmt.Sprint(numbers))
		for i, n := range numbers {
			sum ^= n
			if i > 0 && numbers[i-1] > n {
				atomic.AddInt64(&wrong, 1)
			}
		}
		if sum != 0 || crc32.ChecksumIEEE(text) != crc32.ChecksumIEEE([]byte(fmt.Sprint(numbers))) {
			atomic.AddInt64(&wrong, 1)
		}
		atomic.AddInt64(&rounds[me], 1)
	}
}

func main() {
	for i := 0; i < threads; i++ {
		go work(i)
	}
	go func() {
		for range time.Tick(5 * time.Millisecond) {
			atomic.AddInt64(&rounds[threads], 1)
		}
	}()
	var mutex sync.Mutex
	numbers := make(chan int)
	go func() {
		for n := 0; ; n++ {
			numbers <- n
		}
	}()
	go func() {
		for n := 0; ; n++ {
			mutex.Lock()
			if <-numbers != n {
				atomic.AddInt64(&wrong, 1)
			}
			mutex.Unlock()
			if n%100 == 0 {
				atomic.AddInt64(&rounds[threads+1], 1)
			}
		}
	}()
	server, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		panic(err)
	}
	for {
		visitor, err := server.Accept()
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(visitor, "wrong %d rounds", atomic.LoadInt64(&wrong))
		for i := range rounds {
			fmt.Fprintf(visitor, " %d", atomic.LoadInt64(&rounds[i]))
		}
		fmt.Fprintln(visitor)
		visitor.Close()
	}
}
