// uts_namespaces(7): host name and NIS domain name.
import { IMAGE_TYPES } from '@criu-ts/images';
import { CLONE } from '@criu-ts/kernel/abi';
import { pathBytes, pathString, readNames, setNames } from '@criu-ts/kernel/sys';
import { ImageCorrupt } from '../../errors.js';
import { enterDumped, enterRestored, type NamespaceKind } from '../namespace-kind.js';

/** __NEW_UTS_LEN (linux/utsname.h) */
const LONGEST = 64;

export const uts: NamespaceKind = {
  name: 'uts',
  flag: CLONE.NEWUTS,

  capture(namespace, at) {
    if (namespace.path === undefined) return;
    using _inside = enterDumped(uts, namespace);
    const { nodename, domainname } = readNames();
    at.append(IMAGE_TYPES.utsns, { nodename: pathString(nodename), domainname: pathString(domainname) }, namespace.id);
  },

  restore(namespace, at) {
    if (!namespace.stored) return;
    const { nodename, domainname } = at.images.readOne(IMAGE_TYPES.utsns, namespace.id);
    const names = [nodename, domainname].map((name) => pathBytes(name));
    const [host, domain] = names as [Uint8Array, Uint8Array];
    if (names.some(({ length }) => length > LONGEST)) throw new ImageCorrupt(`a name has more than ${LONGEST} bytes`, { object: `utsns-${namespace.id}.img` });
    using _inside = enterRestored(uts, namespace);
    const before = readNames();
    if (!namespace.made) {
      at.defer(() => {
        if (namespace.isAlive()) return;
        using _again = enterRestored(uts, namespace);
        setNames(before.nodename, before.domainname);
      });
    }
    setNames(host, domain);
  },
};
