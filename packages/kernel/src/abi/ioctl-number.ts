// asm-generic/ioctl.h: how an ioctl number is made of direction, size, type and number.

const ioc = (direction: number, type: number, nr: number, size: number): number =>
  ((direction << 30) | (size << 16) | (type << 8) | nr) >>> 0;

export const IOC_NONE = 0;
export const IOC_WRITE = 1;
export const IOC_READ = 2;

/** _IO(type, nr) */
export const _IO = (type: number, nr: number): number => ioc(IOC_NONE, type, nr, 0);
/** _IOR(type, nr, size): the kernel writes, we read */
export const _IOR = (type: number, nr: number, size: number): number => ioc(IOC_READ, type, nr, size);
/** _IOW(type, nr, size) */
export const _IOW = (type: number, nr: number, size: number): number => ioc(IOC_WRITE, type, nr, size);
/** _IOWR(type, nr, size) */
export const _IOWR = (type: number, nr: number, size: number): number => ioc(IOC_READ | IOC_WRITE, type, nr, size);
