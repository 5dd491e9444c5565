/** The commands of @criu-ts/images, by their first word; they have a command line of their own, and the bundle `images`. */
export const IMAGE_COMMANDS: readonly string[] = ['decode', 'encode', 'info', 'x', 'show', 'inspect', 'core', 'memory', 'verify', 'diff', 'edit'];
