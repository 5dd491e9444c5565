import { type Memory, pathBytes, SyscallFailed, describeCall, type SyscallArg } from '@criu-ts/kernel/sys';

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

/**
 * A vector of system calls under construction. Calls are packed straight into one buffer, no object each. When it is
 * full it runs by itself, so its length has no limit; results of calls that have run are put in where later calls
 * refer to them.
 */
export class Batch {
  readonly #runner: BatchRunner;
  readonly #ops: Memory;
  readonly #words32: Int32Array;
  readonly #words64: BigInt64Array;
  readonly #data: Memory;
  readonly #doings: (string | undefined)[] = [];
  #doing: string | undefined;
  #count = 0;
  #dataUsed = 0;
  /** Every piece of data belongs to a call that was added. */
  #dataTaken = true;
  /** Index of the first call that has not run. */
  #base = 0;
  readonly #results: number[] = [];

  /** @param buffers reused from batch to batch */
  constructor(runner: BatchRunner, buffers: { readonly ops: Memory; readonly data: Memory }) {
    this.#runner = runner;
    this.#ops = buffers.ops;
    this.#words32 = new Int32Array(this.#ops.buffer);
    this.#words64 = new BigInt64Array(this.#ops.buffer);
    this.#data = buffers.data;
  }

  /** What the calls that follow are for: said in the error when one fails. */
  doing(text: string): this {
    this.#doing = text;
    return this;
  }

  /** A call that must not fail. */
  call(nr: number, ...args: readonly BatchArg[]): Ref {
    return this.#push(nr, EXPECT_SUCCESS, 0, args);
  }

  /** A call that must return exactly `want`. */
  expect(want: number, nr: number, ...args: readonly BatchArg[]): Ref {
    return this.#push(nr, EXPECT_EXACTLY, want, args);
  }

  /** A call that may fail; see {@link result}. */
  attempt(nr: number, ...args: readonly BatchArg[]): Ref {
    return this.#push(nr, EXPECT_ANYTHING, 0, args);
  }

  /** Address, in the puppet, of these bytes; valid until the batch has run. */
  bytes(bytes: Uint8Array): number {
    const at = this.#reserve(bytes.length);
    this.#data.bytes.set(bytes, at);
    return this.#runner.area.data + at;
  }

  /** Address, in the puppet, of a NUL-terminated string. */
  string(text: string): number {
    const bytes = pathBytes(text);
    const at = this.#reserve(bytes.length + 1);
    this.#data.bytes.set(bytes, at);
    this.#data.bytes[at + bytes.length] = 0;
    return this.#runner.area.data + at;
  }

  /**
   * A struct filled in by the caller: a view of our copy and its address in the puppet.
   * Make it right before the call that uses it: a batch that overflows starts its data anew.
   */
  struct(size: number): { readonly view: DataView; readonly address: number } {
    const at = this.#reserve(size);
    this.#data.bytes.fill(0, at, at + size);
    return { view: new DataView(this.#data.buffer, at, size), address: this.#runner.area.data + at };
  }

  /** Runs what has not run yet. @throws BatchFailed */
  run(): void {
    this.start();
    this.finish();
  }

  /** Lets the puppet run what has not run yet, and does not wait: nothing can be added before {@link finish}. */
  start(): void {
    const count = this.#count;
    if (count === 0) return;
    const { area } = this.#runner;
    if (this.#dataUsed > 0) this.#runner.write(area.data, this.#data, this.#dataUsed);
    this.#runner.write(area.ops, this.#ops, count * OP_SIZE);
    this.#runner.start(count);
  }

  /** Waits for what was started. @throws BatchFailed */
  finish(): void {
    const count = this.#count;
    if (count === 0) return;
    const done = this.#runner.finish();
    this.#runner.read(this.#runner.area.ops, this.#ops, count * OP_SIZE);
    for (let i = 0; i < Math.min(done + 1, count); i++) {
      this.#results.push(Number(this.#words64[i * OP_WORDS + RESULT_WORD]));
      this.#runner.observe?.(this.#nr(i), this.#args(i), this.#results[this.#base + i] as number);
    }
    const failure = done < count ? this.#failure(done) : undefined;
    // Calls behind one that failed never run: they get no results, and no second chance.
    this.#base = this.#results.length;
    this.#count = 0;
    // Data that waits for its call keeps its place: the address is known already.
    if (this.#dataTaken) this.#dataUsed = 0;
    this.#doings.length = 0;
    if (failure !== undefined) throw failure;
  }

  /** What the call returned (a negated errno for an attempt that failed), after {@link run}. */
  result(ref: Ref): number {
    const result = this.#results[ref.index];
    if (result === undefined) throw new Error('the call has not run');
    return result + ref.addend;
  }

  #push(nr: number, expect: number, want: number, args: readonly BatchArg[]): Ref {
    if (this.#count === this.#runner.area.opsCapacity) this.run();
    const at = this.#count * OP_WORDS;
    let references = 0;
    for (let i = 0; i < 6; i++) {
      const arg = args[i] ?? 0;
      if (typeof arg === 'number') this.#setWord(at + 1 + i, arg);
      else if (typeof arg === 'bigint') this.#words64[at + 1 + i] = BigInt.asIntN(64, arg);
      else if (arg.index < this.#base) this.#setWord(at + 1 + i, this.result(arg));
      else {
        references |= 1 << i;
        this.#words32[2 * (at + 1 + i)] = arg.index - this.#base;
        this.#words32[2 * (at + 1 + i) + 1] = arg.addend | 0;
      }
    }
    this.#words32[2 * at] = nr;
    this.#words32[2 * at + 1] = expect | (references << 16);
    this.#setWord(at + WANT_WORD, want);
    this.#doings[this.#count] = this.#doing;
    this.#dataTaken = true;
    this.#count++;
    return new Ref(this.#base + this.#count - 1);
  }

  #setWord(word: number, value: number): void {
    const low = value | 0;
    if (low === value) {
      this.#words32[2 * word] = low;
      this.#words32[2 * word + 1] = low < 0 ? -1 : 0;
    } else {
      const high = Math.floor(value / 0x1_0000_0000);
      this.#words32[2 * word] = value - high * 0x1_0000_0000;
      this.#words32[2 * word + 1] = high;
    }
  }

  #reserve(size: number): number {
    // Data that no call has taken yet can't move: its address is known already. So the call must fit in too.
    if (this.#dataTaken && (size > this.dataLeft || this.#count === this.#runner.area.opsCapacity)) this.run();
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
    if (this.#count + calls > this.#runner.area.opsCapacity || bytes > this.dataLeft) this.run();
  }

  /** Bytes of data that still fit. */
  get dataLeft(): number {
    return this.#runner.area.dataSize - ((this.#dataUsed + 15) & ~15);
  }

  #nr(i: number): number {
    return this.#words32[2 * i * OP_WORDS] as number;
  }

  #args(i: number): bigint[] {
    return Array.from({ length: 6 }, (_, n) => this.#words64[i * OP_WORDS + 1 + n] as bigint);
  }

  #failure(i: number): BatchFailed {
    const result = Number(this.#words64[i * OP_WORDS + RESULT_WORD]);
    const call = describeCall(this.#nr(i), this.#args(i));
    const doing = this.#doings[i];
    if (result < 0 && result >= -4095) return new BatchFailed(call, -result, doing);
    const wanted = Number(this.#words64[i * OP_WORDS + WANT_WORD]);
    return new BatchFailed(`${call} gave ${result} instead of ${wanted}`, 0, doing);
  }
}
