import { Memory, pathBytes, SyscallFailed, describeCall, type SyscallArg } from '@criu-ts/kernel/sys';

/** Layout of `struct op` in native/batch/batch.c. */
const OP_SIZE = 72;
const OP_WORDS = OP_SIZE / 8;
const RESULT_WORD = 8;
const WANT_WORD = 7;

const EXPECT_ANYTHING = 0;
const EXPECT_SUCCESS = 1;
const EXPECT_EXACTLY = 2;

/** Result of an earlier call of the same batch, as an argument of a later one. */
export class Ref {
  readonly index: number;
  readonly addend: number;
  /** @param addend added to the result, 0 … 2^32-1 */
  constructor(index: number, addend = 0) {
    this.index = index;
    this.addend = addend;
  }

  plus(addend: number): Ref {
    return new Ref(this.index, this.addend + addend);
  }
}

export type BatchArg = SyscallArg | Ref;

/** Where a batch's two areas lie in the puppet. */
export interface BatchArea {
  readonly ops: number;
  readonly opsCapacity: number;
  readonly data: number;
  readonly dataSize: number;
}

/** A call of a batch that did not go as expected; `index` tells which. */
export class BatchFailed extends SyscallFailed {
  readonly doing: string | undefined;
  constructor(call: string, errno: number, doing: string | undefined) {
    super(call, errno);
    // It gave something, only not what it had to.
    if (errno === 0) this.message = call;
    this.doing = doing;
  }
}

/** Has the puppet run `count` ops that lie ready in it; `finish` waits for them: how many went as expected. */
export type BatchRunner = {
  readonly area: BatchArea;
  write(remote: number, memory: Memory, length: number): void;
  read(remote: number, memory: Memory, length: number): void;
  start(count: number): void;
  finish(): number;
  observe?(nr: number, args: readonly SyscallArg[], result: number): void;
};

/** Our copy of a batch's two areas. */
export class BatchBuffers {
  readonly ops: Memory;
  readonly data: Memory;
  readonly words32: Int32Array;
  readonly words64: BigInt64Array;

  constructor(opsSize: number, dataSize: number) {
    this.ops = new Memory(opsSize);
    this.data = new Memory(dataSize);
    this.words32 = new Int32Array(this.ops.buffer);
    this.words64 = new BigInt64Array(this.ops.buffer);
  }
}

/** Calls that the puppet is at. */
interface Flight {
  readonly buffers: BatchBuffers;
  readonly count: number;
  readonly doings: readonly (string | undefined)[];
}

/**
 * A vector of system calls under construction. Calls are packed straight into one buffer, no object each. When it is
 * full it runs by itself, so its length has no limit; results of calls that have run are put in where later calls
 * refer to them.
 */
export class Batch {
  readonly #runner: BatchRunner;
  #buffers: BatchBuffers;
  #spare: BatchBuffers | undefined;
  #flight: Flight | undefined;
  #doings: (string | undefined)[] = [];
  #doing: string | undefined;
  #count = 0;
  #dataUsed = 0;
  /** Every piece of data belongs to a call that was added. */
  #dataTaken = true;
  /** Index of the first call that was not started. */
  #base = 0;
  readonly #results: number[] = [];

  /**
   * @param buffers reused from batch to batch
   * @param spare where given, whoever fills the first ones goes on in these while the puppet is at its calls: worth it where it has a CPU of its own
   */
  constructor(runner: BatchRunner, buffers: BatchBuffers, spare?: BatchBuffers) {
    this.#runner = runner;
    this.#buffers = buffers;
    this.#spare = spare;
  }

  /** What the calls that follow are for: said in the error when one fails. */
  doing(text: string): this {
    this.#doing = text;
    return this;
  }

  /** A call that must not fail. */
  call(nr: number, a: BatchArg = 0, b: BatchArg = 0, c: BatchArg = 0, d: BatchArg = 0, e: BatchArg = 0, f: BatchArg = 0): Ref {
    return this.#push(EXPECT_SUCCESS, 0, nr, a, b, c, d, e, f);
  }

  /** A call that must return exactly `want`. */
  expect(want: number, nr: number, a: BatchArg = 0, b: BatchArg = 0, c: BatchArg = 0, d: BatchArg = 0, e: BatchArg = 0, f: BatchArg = 0): Ref {
    return this.#push(EXPECT_EXACTLY, want, nr, a, b, c, d, e, f);
  }

  /** A call that may fail; see {@link result}. */
  attempt(nr: number, a: BatchArg = 0, b: BatchArg = 0, c: BatchArg = 0, d: BatchArg = 0, e: BatchArg = 0, f: BatchArg = 0): Ref {
    return this.#push(EXPECT_ANYTHING, 0, nr, a, b, c, d, e, f);
  }

  /** Address, in the puppet, of these bytes; valid until the batch has run. */
  bytes(bytes: Uint8Array): number {
    const at = this.#reserve(bytes.length);
    this.#buffers.data.bytes.set(bytes, at);
    return this.#runner.area.data + at;
  }

  /** Address, in the puppet, of a NUL-terminated string. */
  string(text: string): number {
    const bytes = pathBytes(text);
    const at = this.#reserve(bytes.length + 1);
    const data = this.#buffers.data.bytes;
    data.set(bytes, at);
    data[at + bytes.length] = 0;
    return this.#runner.area.data + at;
  }

  /**
   * A struct filled in by the caller: a view of our copy and its address in the puppet.
   * Make it right before the call that uses it: a batch that overflows starts its data anew.
   */
  struct(size: number): { readonly view: DataView; readonly address: number } {
    const at = this.#reserve(size);
    const { data } = this.#buffers;
    data.bytes.fill(0, at, at + size);
    return { view: new DataView(data.buffer, at, size), address: this.#runner.area.data + at };
  }

  /** Runs what has not run yet. @throws BatchFailed */
  run(): void {
    this.start();
    this.finish();
  }

  /** Lets the puppet run what has not run yet, and does not wait for it: that is {@link finish}, before anything is added. @throws BatchFailed of calls before */
  start(): void {
    const count = this.#count;
    if (count === 0) return;
    this.finish();
    const { area } = this.#runner;
    const { ops, data } = this.#buffers;
    if (this.#dataUsed > 0) this.#runner.write(area.data, data, this.#dataUsed);
    this.#runner.write(area.ops, ops, count * OP_SIZE);
    this.#runner.start(count);
    this.#flight = { buffers: this.#buffers, count, doings: this.#doings };
    this.#base += count;
    this.#count = 0;
    this.#doings = [];
  }

  /** Waits for what was started. @throws BatchFailed */
  finish(): void {
    if (this.#flight === undefined) return;
    const { buffers, count, doings } = this.#flight;
    this.#flight = undefined;
    const done = this.#runner.finish();
    this.#runner.read(this.#runner.area.ops, buffers.ops, count * OP_SIZE);
    const { observe } = this.#runner;
    for (let i = 0; i < Math.min(done + 1, count); i++) {
      const result = resultOf(buffers, i);
      this.#results.push(result);
      observe?.(numberOf(buffers, i), argumentsOf(buffers, i), result);
    }
    // Data that waits for its call keeps its place: the address is known already.
    if (this.#dataTaken && this.#count === 0) this.#dataUsed = 0;
    if (done === count) return;
    // Calls behind one that failed never run: they get no results, and no second chance.
    this.#base = this.#results.length;
    this.#count = 0;
    this.#dataUsed = 0;
    throw failureOf(buffers, done, doings[done]);
  }

  /** What is there runs, to make room. */
  #overflow(): void {
    if (this.#spare === undefined) return this.run();
    const full = this.#buffers;
    this.start();
    this.#buffers = this.#spare;
    this.#spare = full;
    if (this.#dataTaken) this.#dataUsed = 0;
    else this.#buffers.data.bytes.set(full.data.bytes.subarray(0, this.#dataUsed));
  }

  /** What the call returned (a negated errno for an attempt that failed), after {@link run}. */
  result(ref: Ref): number {
    if (ref.index >= this.#results.length) this.finish();
    const result = this.#results[ref.index];
    if (result === undefined) throw new Error('the call has not run');
    return result + ref.addend;
  }

  /** Six arguments and no list of them: a process of 10,000 mappings comes by here as often. */
  #push(expect: number, want: number, nr: number, a: BatchArg, b: BatchArg, c: BatchArg, d: BatchArg, e: BatchArg, f: BatchArg): Ref {
    if (this.#count === this.#runner.area.opsCapacity) this.#overflow();
    const at = this.#count * OP_WORDS;
    const references = this.#setArg(at, 0, a) | this.#setArg(at, 1, b) | this.#setArg(at, 2, c) | this.#setArg(at, 3, d) | this.#setArg(at, 4, e) | this.#setArg(at, 5, f);
    const { words32 } = this.#buffers;
    words32[2 * at] = nr;
    words32[2 * at + 1] = expect | (references << 16);
    this.#setWord(at + WANT_WORD, want);
    this.#doings[this.#count] = this.#doing;
    this.#dataTaken = true;
    this.#count++;
    return new Ref(this.#base + this.#count - 1);
  }

  /** @returns the bit that says that it is a reference, if it is */
  #setArg(op: number, i: number, arg: BatchArg): number {
    const word = op + 1 + i;
    if (typeof arg === 'number') this.#setWord(word, arg);
    else if (typeof arg === 'bigint') this.#buffers.words64[word] = BigInt.asIntN(64, arg);
    else if (arg.index < this.#base) this.#setWord(word, this.result(arg));
    else {
      const { words32 } = this.#buffers;
      words32[2 * word] = arg.index - this.#base;
      words32[2 * word + 1] = arg.addend | 0;
      return 1 << i;
    }
    return 0;
  }

  #setWord(word: number, value: number): void {
    const { words32 } = this.#buffers;
    const low = value | 0;
    words32[2 * word] = low;
    if (low === value) words32[2 * word + 1] = low < 0 ? -1 : 0;
    else words32[2 * word + 1] = Math.floor(value / 0x1_0000_0000);
  }

  #reserve(size: number): number {
    // Data that no call has taken yet can't move: its address is known already. So the call must fit in too.
    if (this.#dataTaken && (size > this.dataLeft || this.#count === this.#runner.area.opsCapacity)) this.#overflow();
    this.#dataTaken = false;
    const at = (this.#dataUsed + 15) & ~15;
    if (at + size > this.#runner.area.dataSize) throw new RangeError(`a batch's data has ${this.#runner.area.dataSize} bytes, ${at + size} are needed`);
    this.#dataUsed = at + size;
    return at;
  }

  /**
   * Makes sure that the next `calls` calls and `bytes` bytes of data run together: for several pieces of data that
   * one call takes, and data that several calls take.
   */
  room(calls: number, bytes: number): void {
    if (this.#count + calls > this.#runner.area.opsCapacity || bytes > this.dataLeft) this.#overflow();
  }

  /** Bytes of data that still fit. */
  get dataLeft(): number {
    return this.#runner.area.dataSize - ((this.#dataUsed + 15) & ~15);
  }
}

function resultOf({ words32 }: BatchBuffers, i: number): number {
  const word = 2 * (i * OP_WORDS + RESULT_WORD);
  return (words32[word + 1] as number) * 0x1_0000_0000 + ((words32[word] as number) >>> 0);
}

function numberOf({ words32 }: BatchBuffers, i: number): number {
  return words32[2 * i * OP_WORDS] as number;
}

function argumentsOf({ words64 }: BatchBuffers, i: number): bigint[] {
  return Array.from({ length: 6 }, (_, n) => words64[i * OP_WORDS + 1 + n] as bigint);
}

function failureOf(buffers: BatchBuffers, i: number, doing: string | undefined): BatchFailed {
  const result = resultOf(buffers, i);
  const call = describeCall(numberOf(buffers, i), argumentsOf(buffers, i));
  if (result < 0 && result >= -4095) return new BatchFailed(call, -result, doing);
  const wanted = Number(buffers.words64[i * OP_WORDS + WANT_WORD]);
  return new BatchFailed(`${call} gave ${result} instead of ${wanted}`, 0, doing);
}
