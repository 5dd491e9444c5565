import t from 'tap';
import { MemorySink, MemorySource } from '../io/directory.js';
import { imageFromJson, imageInfo, imageToJson } from './image-json.js';
import { parseJson, writeJson } from './json-text.js';

const encode = (json: string): Uint8Array => {
  const sink = new MemorySink('image');
  imageFromJson(parseJson(json), sink);
  return sink.bytes();
};
const show = (name: string, bytes: Uint8Array, options = {}): string => writeJson(imageToJson(new MemorySource(name, bytes), options));

const fown = '{"uid": 0, "euid": 0, "signum": 0, "pid_type": 0, "pid": 0}';
const desc = '{"key": 1, "uid": 2, "gid": 3, "cuid": 4, "cgid": 5, "mode": 6, "id": 7}';

/** Text that must come back as it is; `pretty` and `noPayload` where those differ. */
const rows: { name: string; file: string; json: string; pretty?: string; noPayload?: string; count: number }[] = [
  { name: 'messages', file: 'pstree.img', json: '{"magic": "PSTREE", "entries": [{"pid": 1, "ppid": 0, "pgid": 1, "sid": 1, "threads": [1]}, {"pid": 2, "ppid": 1, "pgid": 1, "sid": 1}]}', count: 2 },
  { name: 'no entries', file: 'fdinfo-2.img', json: '{"magic": "FDINFO", "entries": []}', count: 0 },
  {
    name: 'bits, names, hexadecimal',
    file: 'fdinfo-2.img',
    json: '{"magic": "FDINFO", "entries": [{"id": 1, "flags": 524288, "type": "REG", "fd": 3}]}',
    count: 1,
  },
  {
    name: 'a path that is not UTF-8, a default that is not set',
    file: 'reg-files.img',
    json: `{"magic": "REG_FILES", "entries": [{"id": 1, "flags": 32770, "pos": 18446744073709551615, "fown": ${fown}, "name": "/\\udcff"}]}`,
    pretty: `{"magic": "REG_FILES", "entries": [{"id": 1, "flags": "O_RDWR | O_LARGEFILE", "pos": 18446744073709551615, "fown": ${fown}, "name": "/\\udcff"}]}`,
    count: 1,
  },
  {
    name: 'a pagemap',
    file: 'pagemap-1.img',
    json: '{"magic": "PAGEMAP", "entries": [{"pages_id": 1}, {"vaddr": 4096, "compat_nr_pages": 0, "flags": 4, "nr_pages": 2}]}',
    pretty: '{"magic": "PAGEMAP", "entries": [{"pages_id": 1}, {"vaddr": "0x1000", "compat_nr_pages": 0, "flags": "PE_PRESENT", "nr_pages": 2}]}',
    count: 1,
  },
  { name: 'a pagemap of shared memory', file: 'pagemap-shmem-1.img', json: '{"magic": "PAGEMAP", "entries": [{"pages_id": 1}]}', count: 0 },
  {
    name: 'bytes after a message',
    file: 'pipes-data.img',
    json: '{"magic": "PIPES_DATA", "entries": [{"pipe_id": 1, "bytes": 3, "extra": "YWJj\\n"}, {"pipe_id": 2, "bytes": 0, "extra": ""}]}',
    noPayload: '{"magic": "PIPES_DATA", "entries": [{"pipe_id": 1, "bytes": 3, "extra": "... <3B>"}, {"pipe_id": 2, "bytes": 0, "extra": "... <0B>"}]}',
    count: 2,
  },
  {
    name: 'semaphores',
    file: 'ipcns-sem-1.img',
    json: `{"magic": "IPCNS_SEM", "entries": [{"desc": ${desc}, "nsems": 3, "extra": [1, 65535, 0]}]}`,
    noPayload: `{"magic": "IPCNS_SEM", "entries": [{"desc": ${desc}, "nsems": 3, "extra": "... <6B>"}]}`,
    count: 1,
  },
  {
    name: 'message queues',
    file: 'ipcns-msg-1.img',
    json: `{"magic": "IPCNS_MSG", "entries": [{"desc": ${desc}, "qbytes": 9, "qnum": 2, "extra": [{"mtype": 1, "msize": 3}, "YWJj\\n", {"mtype": 2, "msize": 1}, "eA==\\n"]}]}`,
    noPayload: `{"magic": "IPCNS_MSG", "entries": [{"desc": ${desc}, "qbytes": 9, "qnum": 2, "extra": "... <12B>"}]}`,
    count: 1,
  },
  {
    name: 'TCP queues',
    file: 'tcp-stream-1.img',
    json: '{"magic": "TCP_STREAM", "entries": [{"inq_len": 1, "inq_seq": 2, "outq_len": 0, "outq_seq": 3, "opt_mask": 0, "snd_wscale": 0, "mss_clamp": 0, "extra": {"inq": "eA==\\n", "outq": ""}}]}',
    pretty: '{"magic": "TCP_STREAM", "entries": [{"inq_len": 1, "inq_seq": 2, "outq_len": 0, "outq_seq": 3, "opt_mask": "0x0", "snd_wscale": 0, "mss_clamp": 0, "extra": {"inq": "eA==\\n", "outq": ""}}]}',
    noPayload: '{"magic": "TCP_STREAM", "entries": [{"inq_len": 1, "inq_seq": 2, "outq_len": 0, "outq_seq": 3, "opt_mask": 0, "snd_wscale": 0, "mss_clamp": 0, "extra": "... <1B>"}]}',
    count: 1,
  },
  {
    name: 'a ghost file',
    file: 'ghost-file-1.img',
    json: '{"magic": "GHOST_FILE", "entries": [{"uid": 0, "gid": 0, "mode": 33152, "dev": 266338304, "extra": "YWJj\\n"}]}',
    pretty: '{"magic": "GHOST_FILE", "entries": [{"uid": 0, "gid": 0, "mode": 33152, "dev": "254:0", "extra": "YWJj\\n"}]}',
    noPayload: '{"magic": "GHOST_FILE", "entries": [{"uid": 0, "gid": 0, "mode": 33152, "dev": 266338304}]}',
    count: 1,
  },
  {
    name: 'a ghost file in chunks',
    file: 'ghost-file-1.img',
    json: '{"magic": "GHOST_FILE", "entries": [{"uid": 0, "gid": 0, "mode": 33152, "chunks": true, "size": 9000}, {"len": 3, "off": 4096, "extra": "YWJj\\n"}]}',
    noPayload: '{"magic": "GHOST_FILE", "entries": [{"uid": 0, "gid": 0, "mode": 33152, "chunks": true, "size": 9000}, {"len": 3, "off": 4096}]}',
    count: 2,
  },
  { name: 'lines of text', file: 'iptables-9.img', json: '{"magic": "IPTABLES", "lines": ["*filter", "COMMIT"]}', count: 2 },
  { name: 'text that does not end with its line', file: 'iptables-9.img', json: '{"magic": "IPTABLES", "raw": "KmZpbHRlcg==\\n"}', noPayload: '{"magic": "IPTABLES", "raw": "... <7B>"}', count: 0 },
  { name: 'no text', file: 'nftables-9.img', json: '{"magic": "NFTABLES", "lines": []}', count: 0 },
  { name: 'no messages at all', file: 'ifaddr-9.img', json: '{"magic": "IFADDR", "messages": []}', count: 0 },
];

for (const { name, file, json, pretty = json, noPayload = json, count } of rows) {
  t.test(`there and back: ${name}`, (t) => {
    const bytes = encode(json);
    t.equal(show(file, bytes), json);
    t.equal(show(file, bytes, { pretty: true }), pretty);
    t.equal(show(file, bytes, { noPayload: true }), noPayload);
    t.same(encode(pretty), bytes, 'pretty JSON gives the same bytes');
    t.equal(imageInfo(new MemorySource(file, bytes)).count, count);
    t.end();
  });
}

t.test('a file is known by its words, whatever its name', (t) => {
  const json = rows[0]!.json;
  t.equal(show('standard input', encode(json)), json);
  t.end();
});

t.test('sizes for people', (t) => {
  const json = (size: number): string => `{"magic": "PIPES_DATA", "entries": [{"pipe_id": 1, "bytes": ${size}, "extra": "${'A'.repeat((size / 3) * 4)}"}]}`;
  t.match(show('pipes-data.img', encode(json(3072)), { noPayload: true }), '"... <3KB>"');
  t.match(show('pipes-data.img', encode(json(1536)), { noPayload: true }), '"... <1.5KB>"');
  t.end();
});

const corrupt: { name: string; file: string; bytes: number[]; message: string | RegExp }[] = [
  { name: 'an unknown word', file: 'x', bytes: [1, 2, 3, 4], message: 'x at byte 0: no image kind begins with the word 0x4030201' },
  { name: 'an unknown second word', file: 'x', bytes: [0x19, 0x43, 0x56, 0x54, 1, 2, 3, 4], message: 'x at byte 4: no image kind begins with the word 0x4030201' },
  { name: 'half the words', file: 'x', bytes: [0x19, 0x43, 0x56, 0x54, 1], message: /the file ends within its first words/ },
  { name: 'nothing', file: 'x', bytes: [], message: 'x at byte 0: first word: 4 bytes are announced, 0 are there' },
  { name: 'page contents', file: 'pages-1.img', bytes: [0, 0, 0, 0], message: 'pages-1.img at byte 0: no image kind begins with the word 0x0' },
];
for (const { name, file, bytes, message } of corrupt) {
  t.test(`corrupt: ${name}`, (t) => {
    t.throws(() => show(file, Uint8Array.from(bytes)), { code: 'image-corrupt', message });
    t.end();
  });
}

const invalid: { name: string; json: string; message: string | RegExp }[] = [
  { name: 'a list', json: '[]', message: 'image: expected an object' },
  { name: 'no kind', json: '{"entries": []}', message: 'magic: expected the kind of image' },
  { name: 'an unknown kind', json: '{"magic": "NONE", "entries": []}', message: "magic: 'NONE' is no kind of image" },
  { name: 'no entries', json: '{"magic": "PSTREE"}', message: 'entries: expected a list' },
  { name: 'an entry that is none', json: '{"magic": "PSTREE", "entries": [1]}', message: 'entries[0]: expected an object' },
  { name: 'an unknown field', json: '{"magic": "FS", "entries": [{"cwd_id": 1, "root_id": 2, "umaks": 3}]}', message: 'entries[0].umaks: fs_entry has no such field' },
  { name: 'a missing field', json: '{"magic": "FS", "entries": [{"cwd_id": 1}]}', message: 'entries[0].root_id: fs_entry needs this field' },
  { name: 'a string for a number', json: '{"magic": "FS", "entries": [{"cwd_id": "one", "root_id": 2}]}', message: 'entries[0].cwd_id: expected an integer' },
  { name: 'a fraction', json: '{"magic": "FS", "entries": [{"cwd_id": 1.5, "root_id": 2}]}', message: 'entries[0].cwd_id: expected an integer' },
  { name: 'a number too large', json: '{"magic": "FS", "entries": [{"cwd_id": 4294967296, "root_id": 2}]}', message: /^entries\[0\]: cannot encode fs_entry.cwdId: 4294967296 is not an integer from 0 to/ },
  { name: 'an unknown enum name', json: '{"magic": "FDINFO", "entries": [{"id": 1, "flags": 0, "type": "REGULAR", "fd": 3}]}', message: /^entries\[0\]\.type: expected one of UND, REG, / },
  { name: 'a number for a string', json: '{"magic": "UTSNS", "entries": [{"nodename": 1, "domainname": ""}]}', message: 'entries[0].nodename: expected a string' },
  { name: 'a number for a boolean', json: '{"magic": "INVENTORY", "entries": [{"img_version": 2, "ns_per_id": 1}]}', message: 'entries[0].ns_per_id: expected true or false' },
  { name: 'deep within', json: `{"magic": "REG_FILES", "entries": [{"id": 1, "flags": 0, "pos": 0, "name": "", "fown": {"uid": []}}]}`, message: 'entries[0].fown.uid: expected an integer' },
  { name: 'a payload too short', json: '{"magic": "PIPES_DATA", "entries": [{"pipe_id": 1, "bytes": 3, "extra": ""}]}', message: 'entries[0]: the payload has 0 bytes, its message says 3' },
  { name: 'a payload that is no base64', json: '{"magic": "PIPES_DATA", "entries": [{"pipe_id": 1, "bytes": 3, "extra": "???"}]}', message: 'entries[0].extra: expected base64' },
  { name: 'a payload where none is', json: '{"magic": "FS", "entries": [{"cwd_id": 1, "root_id": 2, "extra": ""}]}', message: 'entries[0].extra: nothing follows fs_entry' },
  { name: 'a message without its text', json: `{"magic": "IPCNS_MSG", "entries": [{"desc": ${desc}, "qbytes": 9, "qnum": 1, "extra": [{"mtype": 1, "msize": 3}]}]}`, message: 'entries[0].extra: expected a message and its text in turn' },
  { name: 'a semaphore that is none', json: `{"magic": "IPCNS_SEM", "entries": [{"desc": ${desc}, "nsems": 1, "extra": ["x"]}]}`, message: 'entries[0].extra[0]: expected a number' },
  { name: 'raw contents that are none', json: '{"magic": "IPTABLES", "raw": 1}', message: 'raw: expected base64' },
  { name: 'no lines', json: '{"magic": "IPTABLES"}', message: 'lines: expected a list' },
  { name: 'an archive without its bytes', json: '{"magic": "TMPFS_DEV", "members": []}', message: 'raw: a TMPFS_DEV image needs it' },
  { name: 'no netlink messages', json: '{"magic": "ROUTE"}', message: 'messages: expected a list' },
  { name: 'an unknown netlink message', json: '{"magic": "ROUTE", "messages": [{"type": "RTM_X"}]}', message: /messages\[0\]\.type: expected one of RTM_NEWADDR/ },
  { name: 'an unknown attribute', json: '{"magic": "ROUTE", "messages": [{"type": "CT_NEW", "flags": 0, "seq": 0, "pid": 0, "family": "inet", "version": 0, "res_id": 0, "attributes": {"RTA_X": 1}}]}', message: /messages\[0\]\.attributes: expected attributes of CT_NEW/ },
];
for (const { name, json, message } of invalid) {
  t.test(`invalid: ${name}`, (t) => {
    t.throws(() => encode(json), { code: 'json-invalid', message });
    t.end();
  });
}
