import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import t from 'tap';
import { ImageSet } from './image-set.js';
import { IMAGE_TYPES, RAW_IMAGE_TYPES } from './image-types.js';
import { MemoryDirectory } from './io/directory.js';
import { createImageSet, openImageSet } from './io/node-directory.js';
import type { ImageType } from './layout.js';
import type { pagemap_entry, pagemap_head, pstree_entry } from './gen/index.js';

const scratch = mkdtempSync(path.join(os.tmpdir(), 'criu-ts-images-'));
t.teardown(() => rmSync(scratch, { recursive: true }));

const tree: pstree_entry[] = [
  { pid: 1, ppid: 0, pgid: 1, sid: 1, threads: [1, 2] },
  { pid: 3, ppid: 1, pgid: 1, sid: 1, threads: [3] },
];
const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i & 0xff);
const desc = { key: 1, uid: 2, gid: 3, cuid: 4, cgid: 5, mode: 6, id: 7 };

function inMemory(): { directory: MemoryDirectory; set: ImageSet } {
  const directory = new MemoryDirectory();
  return { directory, set: new ImageSet(directory) };
}

/** One set of entries for each way in which entries follow each other. */
const rows: { name: string; type: ImageType<unknown>; id?: number; file: string; entries: unknown[] }[] = [
  { name: 'messages alone', type: IMAGE_TYPES.pstree, file: 'pstree.img', entries: tree },
  { name: 'one word', type: IMAGE_TYPES.inventory, file: 'inventory.img', entries: [{ imgVersion: 2 }] },
  { name: 'a service image', type: IMAGE_TYPES.statsDump, file: 'stats-dump', entries: [{}] },
  { name: 'no entries', type: IMAGE_TYPES.fdinfo, id: 5, file: 'fdinfo-5.img', entries: [] },
  { name: 'head and entries', type: IMAGE_TYPES.pagemap, id: 7, file: 'pagemap-7.img', entries: [{ pagesId: 1 } satisfies pagemap_head, { vaddr: 4096n, compatNrPages: 0, flags: 4, nrPages: 2n } satisfies pagemap_entry] },
  { name: 'payload of a known size', type: IMAGE_TYPES.pipesData, file: 'pipes-data.img', entries: [{ message: { pipeId: 1, bytes: 5 }, payload: bytes(5) }, { message: { pipeId: 2, bytes: 0 }, payload: bytes(0) }] },
  { name: 'large payloads', type: IMAGE_TYPES.pipesData, file: 'pipes-data.img', entries: [{ message: { pipeId: 1, bytes: 200_000 }, payload: bytes(200_000) }, { message: { pipeId: 2, bytes: 70_000 }, payload: bytes(70_000) }] },
  { name: 'a ghost in one piece', type: IMAGE_TYPES.ghostFile, id: 0x1f, file: 'ghost-file-1f.img', entries: [{ message: { uid: 1, gid: 2, mode: 3 }, payload: bytes(70) }] },
  { name: 'a ghost in chunks', type: IMAGE_TYPES.ghostFile, id: 1, file: 'ghost-file-1.img', entries: [{ message: { uid: 1, gid: 2, mode: 3, chunks: true, size: 9000n } }, { message: { len: 3n, off: 0n }, payload: bytes(3) }, { message: { len: 2n, off: 4096n }, payload: bytes(2) }] },
  { name: 'TCP queues', type: IMAGE_TYPES.tcpStream, id: 2, file: 'tcp-stream-2.img', entries: [{ message: { inqLen: 3, inqSeq: 1, outqLen: 1, outqSeq: 2, optMask: 0, sndWscale: 0, mssClamp: 0 }, payload: { inq: bytes(3), outq: bytes(1) } }] },
  { name: 'semaphores', type: IMAGE_TYPES.ipcnsSem, id: 1, file: 'ipcns-sem-1.img', entries: [{ message: { desc, nsems: 3 }, payload: [1, 65535, 0] }, { message: { desc, nsems: 4 }, payload: [1, 2, 3, 4] }] },
  { name: 'message queues', type: IMAGE_TYPES.ipcnsMsg, id: 1, file: 'ipcns-msg-1.img', entries: [{ message: { desc, qbytes: 9, qnum: 2 }, payload: [{ message: { mtype: 1n, msize: 3 }, payload: bytes(3) }, { message: { mtype: 2n, msize: 8 }, payload: bytes(8) }] }] },
  { name: 'shared memory in the image', type: IMAGE_TYPES.ipcnsShm, id: 1, file: 'ipcns-shm-1.img', entries: [{ message: { desc, size: 5n }, payload: bytes(5) }] },
  { name: 'shared memory in a pagemap', type: IMAGE_TYPES.ipcnsShm, id: 1, file: 'ipcns-shm-1.img', entries: [{ message: { desc, size: 5000n, inPagemaps: true }, payload: bytes(0) }] },
  { name: 'BPF maps', type: IMAGE_TYPES.bpfmapData, file: 'bpfmap-data.img', entries: [{ message: { mapId: 1, keysBytes: 2, valuesBytes: 3, count: 1 }, payload: bytes(5) }] },
];

for (const { name, type, id, file, entries } of rows) {
  t.test(`written and read back: ${name}`, (t) => {
    const dir = path.join(scratch, name);
    mkdirSync(dir);
    const set = createImageSet(dir);
    set.write(type, id, entries);
    set.sync();
    const { directory, set: memory } = inMemory();
    memory.write(type, id, entries);
    t.ok(existsSync(path.join(dir, file)), file);
    t.same(openImageSet(dir).read(type, id), entries);
    t.same(directory.files.get(file), new Uint8Array(readFileSync(path.join(dir, file))), 'in memory as on disk');
    const scanned = [...memory.scan(type, id)];
    t.equal(scanned.length, entries.length, 'a scan finds as many');
    t.end();
  });

  t.test(`every cut is corrupt or shorter: ${name}`, (t) => {
    const { directory, set: memory } = inMemory();
    memory.write(type, id, entries);
    const whole = directory.files.get(file)!;
    for (let length = 0; length < Math.min(whole.length, 300); length++) {
      directory.files.set(file, whole.subarray(0, length));
      try {
        // A ghost file's contents end where the file ends, and a file may end after an entry.
        if (memory.read(type, id).length > entries.length) t.fail(`more entries in ${length} bytes than in all`);
      } catch (error) {
        if ((error as { code?: string }).code !== 'image-corrupt') throw error;
        t.match((error as Error).message, file);
      }
    }
    t.end();
  });
}

t.test('a scan tells where payloads lie', (t) => {
  const set = new ImageSet(new MemoryDirectory());
  set.write(IMAGE_TYPES.pipesData, undefined, [{ message: { pipeId: 1, bytes: 5 }, payload: bytes(5) }]);
  const [entry] = [...set.scan(IMAGE_TYPES.pipesData)];
  t.equal(entry!.payloadLength, 5);
  using source = set.source(IMAGE_TYPES.pipesData);
  t.same(source.read(entry!.payloadOffset, 5), bytes(5));
  t.end();
});

t.test('payloads written in pieces', (t) => {
  const set = new ImageSet(new MemoryDirectory());
  {
    using writer = set.writer(IMAGE_TYPES.pipesData);
    writer.message({ pipeId: 1, bytes: 100_003 });
    writer.raw(bytes(100_000));
    writer.raw(bytes(3));
  }
  t.same(set.readOne(IMAGE_TYPES.pipesData), { message: { pipeId: 1, bytes: 100_003 }, payload: Uint8Array.from([...bytes(100_000), ...bytes(3)]) });
  t.end();
});

t.test('existing files', (t) => {
  const dir = path.join(scratch, 'existing');
  mkdirSync(dir);
  writeFileSync(path.join(dir, 'pstree.img'), 'old');
  t.throws(() => createImageSet(dir).write(IMAGE_TYPES.pstree, undefined, tree), { code: 'EEXIST' });
  createImageSet(dir, 'replace').write(IMAGE_TYPES.pstree, undefined, tree);
  t.same(openImageSet(dir).read(IMAGE_TYPES.pstree), tree);
  t.end();
});

t.test('what is not there', (t) => {
  const set = openImageSet(scratch);
  t.throws(() => set.read(IMAGE_TYPES.core, 9), { code: 'image-corrupt', message: 'core-9.img: there is no such file' });
  t.same(set.readIfPresent(IMAGE_TYPES.core, 9), []);
  t.equal(set.has(IMAGE_TYPES.core, 9), false);
  t.throws(() => openImageSet(path.join(scratch, 'nowhere')), { code: 'ENOENT' });
  t.end();
});

t.test('ids and names', (t) => {
  const names = ['core-2.img', 'core-10.img', 'core-x.img', 'ghost-file-ff.img', 'pagemap-1.img', 'pagemap-shmem-1.img', 'pages-3.img'];
  const set = new ImageSet(new MemoryDirectory(names.map((name) => [name, bytes(3)])));
  t.same(set.ids(IMAGE_TYPES.core), [2n, 10n]);
  t.same(set.ids(IMAGE_TYPES.ghostFile), [255n]);
  t.same(set.ids(IMAGE_TYPES.pagemap), [1n]);
  t.same(set.ids(RAW_IMAGE_TYPES.pages), [3n]);
  t.same(set.readRaw(RAW_IMAGE_TYPES.pages, 3), bytes(3));
  t.throws(() => set.read(IMAGE_TYPES.core), { message: 'core-%u.img needs an id' });
  t.throws(() => set.read(IMAGE_TYPES.pstree, 1), { message: 'pstree.img takes no id' });
  t.end();
});

t.test('one entry means one', (t) => {
  const set = new ImageSet(new MemoryDirectory());
  set.write(IMAGE_TYPES.pstree, undefined, tree);
  t.throws(() => set.readOne(IMAGE_TYPES.pstree), { code: 'image-corrupt', message: 'pstree.img: holds 2 entries instead of one' });
  t.end();
});

t.test('the wrong words', (t) => {
  const set = new ImageSet(new MemoryDirectory([['pstree.img', Uint8Array.of(0x19, 0x43, 0x56, 0x54, 1, 2, 3, 4)]]));
  t.throws(() => set.read(IMAGE_TYPES.pstree), { code: 'image-corrupt', message: 'pstree.img at byte 4: the word is 0x4030201, a PSTREE image has 0x50273030' });
  t.end();
});

t.test('a corrupt message is placed in its file', (t) => {
  const { directory, set } = inMemory();
  set.write(IMAGE_TYPES.pstree, undefined, tree);
  const file = directory.files.get('pstree.img')!;
  file[12] = 0x0f;
  t.throws(() => set.read(IMAGE_TYPES.pstree), { code: 'image-corrupt', message: /^pstree.img at byte 1[0-9]: / });
  t.end();
});

t.test('payloads that do not fit their message are refused', (t) => {
  const set = new ImageSet(new MemoryDirectory());
  t.throws(() => set.write(IMAGE_TYPES.pipesData, undefined, [{ message: { pipeId: 1, bytes: 5 }, payload: bytes(4) }]), { message: 'the payload has 4 bytes, its message says 5' });
  t.throws(() => set.write(IMAGE_TYPES.ipcnsSem, 1, [{ message: { desc, nsems: 2 }, payload: [1] }]), { message: '1 semaphore values for a set of 2' });
  t.throws(() => set.write(IMAGE_TYPES.ipcnsSem, 1, [{ message: { desc, nsems: 1 }, payload: [65536] }]), { message: 'semaphore value 65536 is not a u16' });
  t.end();
});
