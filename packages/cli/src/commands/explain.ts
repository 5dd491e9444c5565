import type { Explanation } from '@criu-ts/core';
import type { Execute, Explain } from '../io.js';
import { inheritFdsOf } from '../options/inherit-fd.js';
import { joinNamespacesOf } from '../options/join-ns.js';
import { explanationText } from '../render/explanation.js';
import { UsageError } from '../usage-error.js';
import { work } from './work.js';

/** Scripts tell "it can't be done" from "nothing could be found out" (1). */
const NOT_POSSIBLE = 2;

export function explainCommand(explain: Explain): Execute {
  return (values, io) =>
    work('explain', values, io, async (session) => {
      const { tree } = values;
      if (tree === undefined && values['images-dir'] === undefined) throw new UsageError('explain needs a process (-t PID) or images (-D DIR)');
      if (tree === 0) throw new UsageError('explain needs a process: -t PID');
      const { imagesDir: _images, ...common } = session.common;
      const verb = tree === undefined ? 'restore' : 'dump';
      const explanation: Explanation =
        tree === undefined
          ? await explain({ ...session.common, ...inheritFdsOf(values), ...joinNamespacesOf(values, io.cwd) })
          : await explain({
              ...common,
              pid: tree,
              linkRemap: values['link-remap'] === true,
              evasiveDevices: values['evasive-devices'] === true,
              ...(values['ghost-limit'] !== undefined && { ghostLimit: values['ghost-limit'] }),
            });
      session.finish();
      const of = tree === undefined ? { images: session.imagesDir } : { pid: tree };
      if (values.json === true) io.stdout(`${JSON.stringify({ command: 'explain', ok: true, verb, ...of, ...explanation })}\n`);
      else io.stdout(explanationText(explanation, verb, tree === undefined ? session.imagesDir : `process ${tree}`));
      return explanation.possible ? 0 : NOT_POSSIBLE;
    });
}
