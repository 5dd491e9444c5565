// elf(5), linux/elf.h
import { bytes, defineStruct, i64, u16, u32, u64, u8 } from './struct.js';

export const ET = {
  REL: 1,
  EXEC: 2,
  DYN: 3,
  CORE: 4,
} as const;

export const PT = {
  NULL: 0x0,
  LOAD: 0x1,
  DYNAMIC: 0x2,
  INTERP: 0x3,
  NOTE: 0x4,
  PHDR: 0x6,
  TLS: 0x7,
  GNU_EH_FRAME: 0x6474e550,
  GNU_STACK: 0x6474e551,
  GNU_PROPERTY: 0x6474e553,
} as const;

export const PF = {
  R: 0x4,
  W: 0x2,
  X: 0x1,
} as const;

export const EM = {
  '386': 3,
  X86_64: 62,
  AARCH64: 183,
} as const;

export const DT = {
  NULL: 0x0,
  HASH: 0x4,
  STRTAB: 0x5,
  SYMTAB: 0x6,
  STRSZ: 0xa,
  SYMENT: 0xb,
  SONAME: 0xe,
  GNU_HASH: 0x6ffffef5,
  VERSYM: 0x6ffffff0,
} as const;

export const SHT = {
  NULL: 0,
  PROGBITS: 1,
  SYMTAB: 2,
  STRTAB: 3,
  NOTE: 7,
  DYNSYM: 11,
} as const;

export const STT = {
  NOTYPE: 0,
  OBJECT: 1,
  FUNC: 2,
  SECTION: 3,
  FILE: 4,
  COMMON: 5,
  TLS: 6,
} as const;

export const elf64_ehdr = /* @__PURE__ */ defineStruct(
  'elf64_ehdr',
  {
    e_ident: bytes(16),
    e_type: u16,
    e_machine: u16,
    e_version: u32,
    e_entry: u64,
    e_phoff: u64,
    e_shoff: u64,
    e_flags: u32,
    e_ehsize: u16,
    e_phentsize: u16,
    e_phnum: u16,
    e_shentsize: u16,
    e_shnum: u16,
    e_shstrndx: u16,
  },
  { size: 64, header: 'linux/elf.h', c: 'Elf64_Ehdr' },
);

export const elf64_phdr = /* @__PURE__ */ defineStruct(
  'elf64_phdr',
  {
    p_type: u32,
    p_flags: u32,
    p_offset: u64,
    p_vaddr: u64,
    p_paddr: u64,
    p_filesz: u64,
    p_memsz: u64,
    p_align: u64,
  },
  { size: 56, header: 'linux/elf.h', c: 'Elf64_Phdr' },
);

export const elf64_shdr = /* @__PURE__ */ defineStruct(
  'elf64_shdr',
  {
    sh_name: u32,
    sh_type: u32,
    sh_flags: u64,
    sh_addr: u64,
    sh_offset: u64,
    sh_size: u64,
    sh_link: u32,
    sh_info: u32,
    sh_addralign: u64,
    sh_entsize: u64,
  },
  { size: 64, header: 'linux/elf.h', c: 'Elf64_Shdr' },
);

export const elf64_sym = /* @__PURE__ */ defineStruct(
  'elf64_sym',
  {
    st_name: u32,
    st_info: u8,
    st_other: u8,
    st_shndx: u16,
    st_value: u64,
    st_size: u64,
  },
  { size: 24, header: 'linux/elf.h', c: 'Elf64_Sym' },
);

export const elf64_dyn = /* @__PURE__ */ defineStruct(
  'elf64_dyn',
  {
    d_tag: i64,
    d_val: u64,
  },
  { size: 16, header: 'linux/elf.h', c: 'Elf64_Dyn', members: { d_val: 'd_un.d_val' } },
);
