import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { imageFromText, imageToText, MemorySource } from '@criu-ts/images';
import { cpuSeconds, median } from './cpu.js';

const AT_LEAST = 10;

/** Answers each line, a direction and two files, with the CPU seconds of it, files read before. */
const PYTHON = `
import json, sys, time
import pycriu
for line in sys.stdin:
    direction, image, text = line.split()
    image, text = open(image, 'rb').read(), open(text).read()
    begin = time.process_time()
    if direction == 'decode':
        json.dumps(pycriu.images.loads(image))
    else:
        pycriu.images.dumps(json.loads(text))
    print(time.process_time() - begin, flush=True)
`;

type Python = ChildProcessByStdio<Writable, Readable, null>;

/** An image, and its JSON as crit writes it. */
export interface Sample {
  readonly what: string;
  readonly image: string;
  readonly text: string;
}

/** What was measured of the libraries. */
export interface Libraries {
  readonly reached: boolean;
  /** our ms, by direction and what is converted */
  readonly ms: ReadonlyMap<string, number>;
}

/**
 * crit's library beside ours (alone where there is none), no start-up among it: in one Python and one Node that are warm,
 * from an image to the text of its JSON, and back, in turn. We have to be ten times as fast.
 */
export async function benchLibraries(samples: readonly Sample[], hasPeer: boolean, rounds: number): Promise<Libraries> {
  let reached = true;
  const ms = new Map<string, number>();
  using python = hasPeer ? startPython() : undefined;
  for (const sample of samples) {
    const [image, text] = [sourceOf(sample.image), sourceOf(sample.text)];
    for (const [direction, work] of [['decode', () => [...imageToText(image)].join('')], ['encode', () => Buffer.concat(imageFromText(text))]] as const) {
      const ours: number[] = [];
      const theirs: number[] = [];
      // The first round only warms both.
      for (let round = 0; round <= rounds; round++) {
        const begin = process.cpuUsage();
        work();
        ours.push(cpuSeconds(begin) * 1000);
        if (python !== undefined) theirs.push((await python.ask(direction, sample)) * 1000);
      }
      const mine = median(ours.slice(1));
      ms.set(`${direction} ${sample.what}`, mine);
      let line = `library, warm: ${direction} ${sample.what}: ${mine.toFixed(1)} ms`;
      if (python !== undefined) {
        const their = median(theirs.slice(1));
        if (their / mine < AT_LEAST) reached = false;
        line += `, pycriu ${their.toFixed(0)} ms  ${(their / mine).toFixed(0)}× of ${AT_LEAST}× ${their / mine >= AT_LEAST ? 'reached' : 'MISSED'}`;
      }
      console.log(line);
    }
  }
  return { reached, ms };
}

function startPython(): Disposable & { ask(direction: string, sample: Sample): Promise<number> } {
  const python: Python = spawn('/usr/bin/python3', ['-c', PYTHON], { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface({ input: python.stdout })[Symbol.asyncIterator]();
  return {
    async ask(direction, { image, text }) {
      python.stdin.write(`${direction} ${image} ${text}\n`);
      const { value, done } = await answers.next();
      if (done === true) throw new Error('pycriu can’t be asked: see above');
      return Number(value);
    },
    [Symbol.dispose]: () => void python.stdin.end(),
  };
}

function sourceOf(file: string): MemorySource {
  return new MemorySource(file.slice(file.lastIndexOf('/') + 1), readFileSync(file));
}
