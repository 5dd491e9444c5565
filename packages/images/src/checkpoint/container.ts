import { parseJson } from '../json/json-text.js';
import type { JsonValue } from '../json/json-text.js';
import { JsonInvalid } from '../json/json-invalid.js';
import type { ImageFiles } from './image-files.js';

/** What a container archive says of its container. */
export interface ContainerView {
  readonly name: string | undefined;
  readonly id: string | undefined;
  readonly image: string | undefined;
  readonly runtime: string | undefined;
  /** RFC 3339 */
  readonly checkpointedAt: string | undefined;
  /** "podman", "CRI-O", "containerd" */
  readonly engine: string | undefined;
  /** files of the archive beside the images, with their sizes */
  readonly files: readonly { readonly path: string; readonly size: number }[];
}

const MAX_JSON = 16 * 1024 * 1024;

/** undefined where the images are not part of a container archive. */
export async function readContainer(files: ImageFiles): Promise<ContainerView | undefined> {
  const config = await json(files, 'config.dump');
  const spec = await json(files, 'spec.dump');
  if (config === undefined && spec === undefined) return undefined;
  const annotations = at(spec, 'annotations');
  const annotation = (name: string): string | undefined => text(at(annotations, name));
  const engine =
    annotation('io.container.manager') === 'libpod' || at(config, 'checkpointedTime') === undefined && annotation('io.podman.annotations.autoremove') !== undefined
      ? 'podman'
      : annotation('io.kubernetes.cri.container-type') !== undefined
        ? 'containerd'
        : annotation('io.kubernetes.cri-o.Name') !== undefined || annotation('io.container.manager') === 'cri-o'
          ? 'CRI-O'
          : undefined;
  return {
    name: text(at(config, 'name')) ?? annotation('io.kubernetes.cri-o.ContainerName') ?? annotation('io.kubernetes.cri.container-name') ?? annotation('io.kubernetes.container.name'),
    id: text(at(config, 'id')),
    image: text(at(config, 'rootfsImageName')) ?? annotation('io.kubernetes.cri.image-name') ?? annotation('io.kubernetes.cri-o.ImageName'),
    runtime: text(at(config, 'runtime')),
    checkpointedAt: text(at(config, 'checkpointedTime')),
    engine,
    files: files.listBeside().map((path) => ({ path, size: files.beside(path)?.size ?? 0 })),
  };
}

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

const at = (value: JsonValue | undefined, key: string): JsonValue | undefined => (typeof value === 'object' && value !== null && !Array.isArray(value) && Object.hasOwn(value, key) ? value[key] : undefined);
const text = (value: JsonValue | undefined): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
