import t from 'tap';
import { makedev, S } from '@criu-ts/kernel/abi';
import type { InspectedFile } from '../resources/file-kind.js';
import { deviceOf, externalName, infoId, isTty, ptyIndex } from './tty-device.js';

const file = (major: number, minor: number, type: number = S.IFCHR): InspectedFile =>
  ({ link: '/dev/x', stat: { mode: type | 0o600, rdev: makedev(major, minor), dev: 5n }, info: { ttyIndex: 9 } }) as unknown as InspectedFile;

t.test('device numbers', (t) => {
  const rows: { major: number; minor: number; name?: string; index?: number; id?: number }[] = [
    { major: 5, minor: 2, name: 'ptmx', index: 9, id: 19 },
    { major: 128, minor: 7, name: 'ptmx', index: 9, id: 19 },
    { major: 136, minor: 0, name: 'pts', index: 0, id: 0 },
    { major: 136, minor: 1000, name: 'pts', index: 1000, id: 2000 },
    { major: 136, minor: 1006, name: 'pts', index: 1006, id: 0x1_0000 + 2012 },
    { major: 5, minor: 0, name: 'tty', id: 2012 },
    { major: 5, minor: 1, name: 'console', id: 2004 },
    { major: 4, minor: 1, name: 'vt', id: 2008 },
    { major: 4, minor: 63, name: 'vt', id: 2008 },
    { major: 188, minor: 0, name: 'serial', id: 2020 },
    { major: 4, minor: 0 },
    { major: 4, minor: 64 },
  ];
  for (const { major, minor, name, index, id } of rows) {
    const it = file(major, minor);
    const title = `${major}:${minor} ${name ?? 'is refused'}`;
    t.ok(isTty(it), `${title}: a terminal`);
    if (name === undefined) {
      t.throws(() => deviceOf(it, { imagesDir: '', pid: 1 }), { code: 'unsupported-file', hint: /--external 'tty\[/ }, title);
      continue;
    }
    const device = deviceOf(it, { imagesDir: '', pid: 1 });
    t.equal(device.name, name, title);
    t.equal(ptyIndex(it, device), index, `${title}: index`);
    t.equal(infoId(device, index, 0), id, `${title}: number in the images`);
  }
  t.notOk(isTty(file(1, 3)), '/dev/null is none');
  t.notOk(isTty(file(136, 0, S.IFREG)), 'a regular file is none');
  const outer = file(136, 3);
  t.equal(deviceOf(outer, { imagesDir: '', pid: 1, external: [externalName(outer.stat.rdev, 5)] }).name, 'external', 'left to the outside by tty[8803:5]');
  t.end();
});
