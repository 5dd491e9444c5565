// ioprio_set(2), linux/ioprio.h

export const IOPRIO = {
  CLASS_SHIFT: 13,
  CLASS_NONE: 0,
  CLASS_RT: 1,
  CLASS_BE: 2,
  CLASS_IDLE: 3,
  WHO_PROCESS: 1,
  WHO_PGRP: 2,
  WHO_USER: 3,
} as const;
