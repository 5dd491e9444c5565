# asyncio with timers, tasks, a child and a server; a pool of processes with queues, semaphores and shared memory.
import asyncio
import multiprocessing
import sys
from multiprocessing import shared_memory

COUNTERS = 4
wrong = 0
rounds = [0] * COUNTERS


def square(n):
    return n * n


def pump(queue, value):
    n = 0
    while True:
        queue.put(n)
        with value.get_lock():
            value.value += 1
        n += 1


async def ticking():
    while True:
        await asyncio.sleep(0.005)
        rounds[0] += 1


async def talking():
    global wrong
    child = await asyncio.create_subprocess_exec('cat', stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    while True:
        child.stdin.write(b'%d\n' % rounds[1])
        if int(await child.stdout.readline()) != rounds[1]:
            wrong += 1
        rounds[1] += 1
        await asyncio.sleep(0.001)


def mapping(pool, shm):
    global wrong
    while True:
        if pool.map(square, range(40)) != [n * n for n in range(40)]:
            wrong += 1
        rounds[2] += 1
        shm.buf[:8] = rounds[2].to_bytes(8, 'little')
        if int.from_bytes(shm.buf[:8], 'little') != rounds[2]:
            wrong += 1


def consuming(queue, value):
    global wrong
    n = 0
    while True:
        if queue.get() != n:
            wrong += 1
        n += 1
        if n > value.value + 1:
            wrong += 1
        rounds[3] += 1


async def answer(reader, writer):
    writer.write(f"wrong {wrong} rounds {' '.join(map(str, rounds))}\n".encode())
    await writer.drain()
    writer.close()


async def main(port):
    queue = multiprocessing.Queue(100)
    value = multiprocessing.Value('q', 0)
    multiprocessing.Process(target=pump, args=(queue, value), daemon=True).start()
    pool = multiprocessing.Pool(2)
    shm = shared_memory.SharedMemory(create=True, size=100_000)
    shm.unlink()  # nobody else looks for it, and nothing stays if we are killed
    loop = asyncio.get_running_loop()
    loop.run_in_executor(None, mapping, pool, shm)
    loop.run_in_executor(None, consuming, queue, value)
    tasks = [asyncio.create_task(work()) for work in (ticking, talking)]
    server = await asyncio.start_server(answer, '127.0.0.1', port)
    await asyncio.gather(server.serve_forever(), *tasks)


asyncio.run(main(int(sys.argv[1])))
