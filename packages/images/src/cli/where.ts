/** What CHECKPOINT may be, for the help of each command that takes one. */
export const WHERE = 'CHECKPOINT is a directory of images, or an archive of one: tar, plain or packed by gzip or zstd, also as podman, CRI-O and containerd export it.';
