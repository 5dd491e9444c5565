/** Same as in package.json; a test compares. */
export const VERSION = '0.1.0';

/** The CRIU whose options and images these are. */
export const CRIU_VERSION = '4.2';

/**
 * `criu --version` of a drop-in must begin with "Version: X" on a line (lxc and podman read it); the second line tells
 * people whom they are talking to.
 */
export function versionText(name: string): string {
  if (name === 'criu') return `Version: ${CRIU_VERSION}\nGitID: criu-ts-${VERSION}\n`;
  return `criu-ts ${VERSION} (options and images of CRIU ${CRIU_VERSION})\n`;
}
