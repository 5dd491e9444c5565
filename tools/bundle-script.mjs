// Programs of the repository itself, written in TypeScript: bundled, then run.
import { build } from 'esbuild';

/** For what node runs: ES modules, our packages from their sources. */
export const scriptOptions = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  conditions: ['@criu-ts/source'],
  // Packages that find their own files at run time can't be bundled.
  external: ['koffi', 'esbuild'],
  banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
  logLevel: 'warning',
};

/** @returns where the bundle lies */
export async function bundleScript(entry, outfile) {
  await build({ ...scriptOptions, entryPoints: [entry], outfile });
  return outfile;
}

/** Reading the certificates takes every node tens of milliseconds, and nothing here needs one. */
export function environmentWithoutCertificates() {
  const env = { ...process.env };
  delete env.NODE_EXTRA_CA_CERTS;
  return env;
}
