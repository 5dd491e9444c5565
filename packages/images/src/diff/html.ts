import { STYLE } from '../report/html-parts.js';
import { safeText } from '../report/units.js';
import type { CheckpointDiff } from './diff.js';
import { diffText } from './text.js';

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
const COLORS: Readonly<Record<string, string>> = { '+': 'var(--shared)', '-': 'var(--stack)', '~': 'var(--heap)' };

/** A difference as one page that needs nothing else, and no script: processes to be opened, all details in them. */
export function diffHtml(diff: CheckpointDiff): string {
  const body: string[] = [];
  let open = false;
  for (const line of diffText(diff, true)) {
    const text = escaped(line);
    const [mark = ''] = line.trimStart();
    const row = `<div class="mono" style="padding-left:${(line.length - line.trimStart().length) / 2}rem;${COLORS[mark] ? `color:${COLORS[mark]}` : ''}">${text.trimStart()}</div>`;
    if (line.startsWith('~ ')) {
      body.push(`${open ? '</details>' : ''}<details><summary class="mono">${text}</summary>`);
      open = true;
    } else {
      if (open && !line.startsWith(' ')) {
        body.push('</details>');
        open = false;
      }
      body.push(row);
    }
  }
  if (open) body.push('</details>');
  const title = escaped(safeText(`${diff.a} and ${diff.b}`));
  return `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"><title>${title}</title><style>${STYLE}</style></head>\n<body><h1>${title}</h1>\n${body.join('\n')}\n</body></html>\n`;
}
