import { parseJson } from '../json/json-text.js';
import type { JsonObject, JsonValue } from '../json/json-text.js';
import { JsonInvalid } from '../json/json-invalid.js';
import type { ImageFiles } from './image-files.js';

/** What a container archive says of its container. */
export interface ContainerView {
  readonly name: string | undefined;
  readonly id: string | undefined;
  readonly image: string | undefined;
  readonly runtime: string | undefined;
  /** RFC 3339, as is the next */
  readonly createdAt: string | undefined;
  readonly checkpointedAt: string | undefined;
  /** "podman", "CRI-O", "containerd" */
  readonly engine: string | undefined;
  /** of Kubernetes */
  readonly pod: string | undefined;
  readonly namespace: string | undefined;
  /** its networks as the engine made them */
  readonly networks: readonly ContainerNetwork[];
  /** bytes of what the container changed in its root file system; undefined where that is not in the archive */
  readonly rootfsDiff: number | undefined;
  /** files that the container removed from its image */
  readonly deletedFiles: readonly string[];
  /** the engine's notes, by key */
  readonly annotations: Readonly<Record<string, string>>;
  /** files of the archive beside the images, with their sizes */
  readonly files: readonly { readonly path: string; readonly size: number }[];
}

export interface ContainerNetwork {
  readonly network: string;
  readonly interface: string;
  /** "10.88.0.5/16" */
  readonly address: string | undefined;
  readonly gateway: string | undefined;
  readonly hardware: string | undefined;
}

const MAX_JSON = 16 * 1024 * 1024;

/** undefined where the images are not part of a container archive. */
export async function readContainer(files: ImageFiles): Promise<ContainerView | undefined> {
  const config = await json(files, 'config.dump');
  const spec = await json(files, 'spec.dump');
  if (config === undefined && spec === undefined) return undefined;
  const notes = Object.entries(objectOf(at(spec, 'annotations'))).flatMap(([key, value]) => (typeof value === 'string' ? [[key, value] as const] : []));
  const annotations = Object.fromEntries(notes);
  const annotation = (...names: readonly string[]): string | undefined => names.map((name) => text(annotations[name])).find((value) => value !== undefined);
  const deleted = await json(files, 'deleted.files');
  return {
    name: text(at(config, 'name')) ?? annotation('io.kubernetes.cri-o.ContainerName', 'io.kubernetes.cri.container-name', 'io.kubernetes.container.name'),
    id: text(at(config, 'id')),
    image: text(at(config, 'rootfsImageName')) ?? annotation('io.kubernetes.cri.image-name', 'io.kubernetes.cri-o.ImageName'),
    runtime: text(at(config, 'runtime')),
    createdAt: text(at(config, 'createdTime')) ?? annotation('io.kubernetes.cri-o.Created'),
    checkpointedAt: text(at(config, 'checkpointedTime')),
    engine: engineOf(annotations, config),
    pod: annotation('io.kubernetes.cri.sandbox-name', 'io.kubernetes.pod.name'),
    namespace: annotation('io.kubernetes.cri.sandbox-namespace', 'io.kubernetes.pod.namespace'),
    networks: [...networksOf(await json(files, 'network.status')), ...crioNetworks(annotation('io.kubernetes.cri-o.IP.0'))],
    rootfsDiff: files.beside('rootfs-diff.tar')?.size,
    deletedFiles: Array.isArray(deleted) ? deleted.filter((file) => typeof file === 'string') : [],
    annotations,
    files: files.listBeside().map((path) => ({ path, size: files.beside(path)?.size ?? 0 })),
  };
}

function engineOf(annotations: Readonly<Record<string, string>>, config: JsonValue | undefined): string | undefined {
  const has = (name: string): boolean => Object.hasOwn(annotations, name);
  const manager = annotations['io.container.manager'];
  if (manager === 'libpod' || (at(config, 'checkpointedTime') === undefined && has('io.podman.annotations.autoremove'))) return 'podman';
  if (has('io.kubernetes.cri.container-type')) return 'containerd';
  return manager === 'cri-o' || has('io.kubernetes.cri-o.Name') ? 'CRI-O' : undefined;
}

/** podman's network.status: networks by name, in each interfaces by name. */
function networksOf(status: JsonValue | undefined): ContainerNetwork[] {
  return Object.entries(objectOf(status)).flatMap(([network, value]) =>
    Object.entries(objectOf(at(value, 'interfaces'))).flatMap(([name, device]) => {
      const subnets = at(device, 'subnets');
      const hardware = text(at(device, 'mac_address'));
      const rows = Array.isArray(subnets) && subnets.length > 0 ? subnets : [undefined];
      return rows.map((subnet) => ({ network, interface: name, address: text(at(subnet, 'ipnet')), gateway: text(at(subnet, 'gateway')), hardware }));
    }),
  );
}

const crioNetworks = (address: string | undefined): ContainerNetwork[] => (address === undefined ? [] : [{ network: 'pod', interface: 'eth0', address, gateway: undefined, hardware: undefined }]);

async function json(files: ImageFiles, path: string): Promise<JsonValue | undefined> {
  const access = files.beside(path);
  if (access === undefined || access.size > MAX_JSON) return undefined;
  try {
    return parseJson(new TextDecoder().decode(await access.read(0, access.size)));
  } catch (error) {
    // These files are the engines' own; damage there doesn't keep anybody from the images.
    if (error instanceof JsonInvalid) return undefined;
    throw error;
  }
}

const objectOf = (value: JsonValue | undefined): JsonObject => (typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {});
const at = (value: JsonValue | undefined, key: string): JsonValue | undefined => (typeof value === 'object' && value !== null && !Array.isArray(value) && Object.hasOwn(value, key) ? value[key] : undefined);
const text = (value: JsonValue | undefined): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
