import { gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { gunzip } from '../cli/gunzip.js';
import { imageFromJson, imageToJson } from '../json/image-json.js';
import { MemorySink, MemorySource } from '../io/directory.js';
import { parseJson, writeJson } from '../json/json-text.js';
import type { JsonObject } from '../json/json-text.js';
import { tarOf } from '../testing/fuzz/archives.js';
import { RAW_IMAGES, rawImage } from '../testing/raw-images.js';

/** Decoded, and seen to come back byte for byte through text. */
function decoded(t: Test, name: string, bytes = rawImage(name)): JsonObject {
  const json = imageToJson(new MemorySource(name, bytes), { gunzip });
  const sink = new MemorySink(name);
  imageFromJson(parseJson(writeJson(json, 4)), sink);
  t.same(sink.bytes(), bytes, `${name} comes back`);
  return json;
}

const attributesOf = (json: JsonObject): JsonObject[] => (json.messages as JsonObject[]).map((message) => message.attributes as JsonObject);

t.test('addresses', (t) => {
  const addresses = attributesOf(decoded(t, 'ifaddr-9.img'));
  t.match(addresses.find(({ IFA_LABEL }) => IFA_LABEL === 'd0:x'), { IFA_ADDRESS: '10.1.2.3', IFA_LOCAL: '10.1.2.3', IFA_FLAGS: 128 });
  t.ok(addresses.some(({ IFA_ADDRESS }) => IFA_ADDRESS === 'fd00::5'));
  t.end();
});

t.test('routes', (t) => {
  const routes = attributesOf(decoded(t, 'route-9.img'));
  t.match(routes.find(({ RTA_DST }) => RTA_DST === '192.168.0.0'), { RTA_GATEWAY: '10.1.2.1', RTA_PRIORITY: 7, RTA_METRICS: { RTAX_MTU: 1400, RTAX_ADVMSS: 1300 } });
  t.match(routes.find(({ RTA_MULTIPATH }) => RTA_MULTIPATH), { RTA_MULTIPATH: [{ hops: 1, attributes: { RTA_GATEWAY: '10.1.2.1' } }, { hops: 0, attributes: { RTA_GATEWAY: '10.1.2.4' } }] });
  t.match(attributesOf(decoded(t, 'route6-9.img')).find(({ RTA_DST }) => RTA_DST === 'fd01::'), { RTA_GATEWAY: 'fd00::1' });
  t.end();
});

t.test('rules', (t) => {
  const rules = attributesOf(decoded(t, 'rule-9.img'));
  t.match(rules.find(({ FRA_SRC }) => FRA_SRC), { FRA_SRC: '10.0.0.0', FRA_TABLE: 77, FRA_PRIORITY: 500 });
  t.match(rules.find(({ FRA_FWMARK }) => FRA_FWMARK), { FRA_IIFNAME: 'd0', FRA_FWMARK: 5, FRA_FWMASK: 255, FRA_UID_RANGE: [5, 9], FRA_SPORT_RANGE: [10, 20] });
  t.end();
});

t.test('connections', (t) => {
  const connections = attributesOf(decoded(t, 'netns-ct-9.img'));
  t.match(connections, [{ CTA_TUPLE_ORIG: { CTA_TUPLE_PROTO: { CTA_PROTO_NUM: 17 } } }, { CTA_TUPLE_ORIG: { CTA_TUPLE_IP: { CTA_IP_V4_SRC: '127.0.0.1' }, CTA_TUPLE_PROTO: { CTA_PROTO_NUM: 6, CTA_PROTO_DST_PORT: 5555 } }, CTA_PROTOINFO: { CTA_PROTOINFO_TCP: { CTA_PROTOINFO_TCP_STATE: 3 } } }]);
  t.end();
});

t.test('texts and archives', (t) => {
  t.ok((decoded(t, 'iptables-9.img').lines as string[]).includes('-A INPUT -p tcp -m tcp --dport 80 -m conntrack --ctstate NEW -j ACCEPT'));
  const members = decoded(t, 'tmpfs-dev-9.tar.gz.img').members as JsonObject[];
  t.match(members.find(({ path }) => path === './sparse'), { kind: 'file', size: 1_048_576, mode: '0644' }, 'a file with holes');
  t.match(members.find(({ path }) => path === './n'), { kind: 'character device', target: '1:3' });
  t.match(members.find(({ path }) => path === './l'), { kind: 'symlink', target: 'f' });
  t.match(members.map(({ kind }) => kind).sort(), ['character device', 'directory', 'file', 'file', 'link', 'symlink']);
  t.equal('members' in imageToJson(new MemorySource('tmpfs-9.tar.gz.img', rawImage('tmpfs-dev-9.tar.gz.img'))), false, 'without an unpacker, the bytes alone');
  t.end();
});

t.test('of a big-endian machine', (t) => {
  const json = imageToJson(new MemorySource('route-9.img', rawImage('route-9.img')));
  const sink = new MemorySink('route-9.img');
  imageFromJson({ ...json, byteOrder: 'big' }, sink);
  const big = sink.bytes();
  t.same([...big.subarray(0, 4)], [0x45, 0x31, 0x12, 0x24]);
  t.same(decoded(t, 'route-9.img', big), { ...json, byteOrder: 'big' }, 'all the same, but the byte order');
  t.end();
});

t.test('damage: whatever it is comes back, and is typed where it can be', (t) => {
  let state = 7;
  const random = (below: number): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) % below;
  let [typed, raw] = [0, 0];
  for (let round = 0; round < 600; round++) {
    const name = Object.keys(RAW_IMAGES)[round % Object.keys(RAW_IMAGES).length]!;
    let bytes = rawImage(name);
    for (let i = random(3); i >= 0; i--) bytes[random(bytes.length)] = random(256);
    if (random(3) === 0) bytes = bytes.subarray(0, random(bytes.length));
    const json = imageToJson(new MemorySource(name, bytes), { gunzip });
    const sink = new MemorySink(name);
    imageFromJson(json, sink);
    if (!Buffer.from(bytes).equals(sink.bytes())) t.fail(`${name}, round ${round}: ${writeJson(json)}`);
    if (json.raw === undefined) typed++;
    else raw++;
  }
  t.ok(typed > 100 && raw > 50, `${typed} typed, ${raw} raw`);
  t.end();
});

for (const pax of ['30 uid', 'x', '16 uid=nobody\n', '12 size=-1\n', '99 path=x\n']) {
  t.test(`an archive whose PAX header is ${JSON.stringify(pax)} is shown by its bytes`, (t) => {
    const bytes = gzipSync(tarOf([{ name: 'pax', type: 'x', bytes: Buffer.from(pax) }, { name: 'a' }]));
    const json = imageToJson(new MemorySource('tmpfs-9.tar.gz.img', bytes), { gunzip });
    t.equal('members' in json, false);
    t.equal(typeof json.raw, 'string');
    t.end();
  });
}
