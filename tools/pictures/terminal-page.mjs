// What a program wrote on a terminal, as a page: the few colours that ours uses.
const COLORS = { 31: 'red', 32: 'green', 33: 'yellow', 36: 'cyan' };
const STYLE = `
:root{color-scheme:light dark;--bg:#fbfbfa;--fg:#24292f;--dim:#7a828b;--red:#c0392b;--green:#1a7f37;--yellow:#9a6700;--cyan:#0b7285}
@media(prefers-color-scheme:dark){:root{--bg:#16181c;--fg:#dfe2e6;--dim:#868e96;--red:#ff7b72;--green:#56d364;--yellow:#e3b341;--cyan:#56d4dd}}
body{margin:0;padding:14px 18px;background:var(--bg);color:var(--fg)}pre{margin:0;font:13.5px/1.38 "DejaVu Sans Mono",monospace}
.b{font-weight:700}.d{color:var(--dim)}${Object.values(COLORS).map((color) => `.${color}{color:var(--${color})}`).join('')}`;

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

export function terminalPage(command, output) {
  const parts = output.replaceAll('\r', '').split(/\x1b\[(\d+)m/);
  let style = '';
  const spans = parts.map((part, i) => {
    if (i % 2 === 0) return style === '' ? escaped(part) : `<span class="${style}">${escaped(part)}</span>`;
    style = part === '0' ? '' : part === '1' ? 'b' : part === '2' ? 'd' : (COLORS[part] ?? '');
    return '';
  });
  return `<!doctype html><meta charset="utf-8"><style>${STYLE}</style><pre><span class="d">$</span> <span class="b">${escaped(command)}</span>\n${spans.join('')}</pre>`;
}
