import type { utsns_entry } from '../gen/utsns.js';
import { IMAGE_TYPES } from '../image-types.js';
import { EditRefused } from './refusal.js';
import { messageChange } from './transformation.js';
import type { Asked, Transformation } from './transformation.js';

/** __NEW_UTS_LEN, linux/utsname.h */
const LONGEST = 64;

export function hostnameTransformation([first, second]: Asked<'hostname'>): Transformation {
  const { edit, outcome } = first!;
  if (second !== undefined) throw new EditRefused('edit-conflict', 'hostname', 'two edits change it');
  const length = new TextEncoder().encode(edit.name).length;
  if (length === 0 || length > LONGEST || edit.name.includes('\0')) throw new EditRefused('edit-refused', 'hostname', `a name has 1 to ${LONGEST} bytes, this one ${length}`);
  return {
    async prepare({ checkpoint }) {
      if (checkpoint.images.ids(IMAGE_TYPES.utsns).length === 0) throw new EditRefused('edit-unmatched', 'hostname', 'the processes have no UTS namespace of their own: their host’s name is that of wherever they are restored');
    },
    messages: {
      utsns_entry: messageChange<utsns_entry>((message, { file }) => {
        outcome.changed({ file, object: 'hostname', from: message.nodename, to: edit.name });
        message.nodename = edit.name;
      }),
    },
  };
}
