import { gunzipSync } from 'node:zlib';
import type { Gunzip } from '../raw/raw-json.js';

/** Archives of a tmpfs that unpack to more are shown as their bytes only. */
const MAX_UNPACKED = 32 * 1024 * 1024;

export const gunzip: Gunzip = (bytes) => {
  try {
    return gunzipSync(bytes, { maxOutputLength: MAX_UNPACKED });
  } catch {
    return undefined;
  }
};
