/** Lets timers, signals and I/O in; in Node at no cost, where a timer would cost a millisecond. */
export function othersTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') setImmediate(resolve);
    else setTimeout(resolve, 0);
  });
}
