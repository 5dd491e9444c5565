/** Page contents and what tells of them: what becomes of these is decided page by page. */
export const isPageFile = (name: string): boolean => /^(pages-\d+\.(img|lz4|crc)|pagemap-(shmem-)?\d+\.img)$/.test(name);

/** What whoever dumped or restored left beside the images: it is about them, and no part of them. */
export const isCopied = (name: string): boolean => !/(\.log|\.pid|\.sock|^lock)$/.test(name);
