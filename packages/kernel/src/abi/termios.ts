// termios(3), asm/termbits.h: the flags that say how a terminal treats what passes through it.

/** c_iflag */
export const TERMIOS_I = { IXON: 0x0400 } as const;

/** c_oflag */
export const TERMIOS_O = { OPOST: 0x01 } as const;

/** c_cflag */
export const TERMIOS_C = { CBAUD: 0x100f, BOTHER: 0x1000 } as const;

/** c_lflag */
export const TERMIOS_L = { ICANON: 0x0002, IEXTEN: 0x8000, EXTPROC: 0x10000 } as const;

/** Places in c_cc. */
export const VCC = { INTR: 0, QUIT: 1, ERASE: 2, KILL: 3, EOF: 4, TIME: 5, MIN: 6, SWTC: 7, START: 8, STOP: 9, SUSP: 10, EOL: 11, REPRINT: 12, DISCARD: 13, WERASE: 14, LNEXT: 15, EOL2: 16 } as const;

/** Virtual terminals: linux/kd.h, linux/vt.h, less their `KD` and `VT_`. */
export const KD = { GETMODE: 0x4b3b, _TEXT: 0 } as const;
export const VT = { GETMODE: 0x5601, AUTO: 0 } as const;
