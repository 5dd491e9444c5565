import { EditRefused } from './refusal.js';
import type { Asked, Transformation } from './transformation.js';

/** Where pages lie and how they are stored: in parents or in the set, packed or not. */
export function pageTransformation(asked: Asked<'merge-parents' | 'deduplicate' | 'pages'>): Transformation {
  return {
    async prepare({ checkpoint, pages }) {
      for (const { edit, outcome } of asked) {
        if (edit.edit === 'merge-parents') {
          if ((await checkpoint.chain()).length === 1) throw new EditRefused('edit-unmatched', 'merge-parents', 'the checkpoint has no parent');
          pages.merge = outcome;
        } else if (edit.edit === 'deduplicate') pages.deduplicate = outcome;
        else {
          for (const key of ['compress', 'checksum'] as const) {
            if (edit[key] === undefined) continue;
            if (pages.format[key] !== undefined && pages.format[key] !== edit[key]) throw new EditRefused('edit-conflict', `pages: ${key}`, 'two edits change it');
            pages.format = { ...pages.format, [key]: edit[key], outcome };
          }
        }
      }
    },
  };
}
