// @ts-check
// A checkpoint in a browser: what is dropped becomes a report; its memory can be searched, and a core be saved. Nothing is sent.
import { ImageCorrupt, coreOf, htmlOf, openCheckpoint, reportOf, searchCheckpoint, verifyCheckpoint } from '@criu-ts/images';

/** @type {(id: string) => any} */
const element = (id) => document.getElementById(id);
const said = element('said');
const MAX_FOUND = 200;

/** @type {Awaited<ReturnType<typeof openCheckpoint>> | undefined} */
let checkpoint;

/** @param {Blob} file */
async function look(file) {
  checkpoint?.[Symbol.dispose]();
  checkpoint = undefined;
  said.textContent = 'reading …';
  try {
    checkpoint = await openCheckpoint(file);
    const findings = await verifyCheckpoint(checkpoint);
    element('report').srcdoc = await htmlOf(await reportOf(checkpoint));
    said.textContent = findings.length === 0 ? 'whole' : findings.map(({ rule, message }) => `${rule}: ${message}`).join('\n');
  } catch (error) {
    // Anything but damage is our own mistake, and goes to the console.
    if (!(error instanceof ImageCorrupt)) throw error;
    said.textContent = error.message;
  }
  for (const id of ['report', 'search', 'core']) element(id).hidden = checkpoint === undefined;
}

/** @param {string} pattern */
async function search(pattern) {
  if (checkpoint === undefined || pattern === '') return;
  const lines = [];
  for await (const { pid, address, region } of searchCheckpoint(checkpoint, pattern)) {
    lines.push(`${pid} ${address.toString(16)} ${region.kind} ${region.name}`);
    if (lines.length === MAX_FOUND) break;
  }
  said.textContent = lines.length === 0 ? 'found nowhere' : lines.join('\n');
}

async function saveCore() {
  const [first] = (await checkpoint?.processes()) ?? [];
  if (first === undefined) return;
  /** @type {BlobPart[]} */
  const pieces = [];
  for await (const piece of coreOf(first)) pieces.push(new Uint8Array(piece));
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob(pieces));
  link.download = `core.${first.pid}`;
  link.click();
  URL.revokeObjectURL(link.href);
}

const drop = element('drop');
element('file').addEventListener('change', (/** @type {any} */ event) => event.target.files[0] && look(event.target.files[0]));
drop.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => event.key === 'Enter' && element('file').click());
// All of the page but the report takes a drop: one that misses would make the browser leave it.
document.addEventListener('dragover', (event) => {
  event.preventDefault();
  drop.classList.add('over');
});
document.addEventListener('dragleave', () => drop.classList.remove('over'));
document.addEventListener('drop', (event) => {
  event.preventDefault();
  drop.classList.remove('over');
  const file = event.dataTransfer?.files[0];
  if (file) void look(file);
});
element('search').addEventListener('submit', (/** @type {SubmitEvent} */ event) => {
  event.preventDefault();
  void search(element('pattern').value);
});
element('core').addEventListener('click', saveCore);
