import type { Feature, FeatureCategory } from './feature.js';

const TITLES: readonly (readonly [FeatureCategory, string])[] = [
  ['basic', 'Needed for every dump and restore (`check`)'],
  ['extra', 'Needed by some processes (`check --extra`)'],
  ['experimental', 'Experimental with CRIU (`check --experimental`)'],
  ['named', 'Looked at by name only (`check --feature NAME`)'],
];

/** docs/kernel-support.md, from the table of features. */
export function featureDocument(features: readonly Feature[]): string {
  const sections = TITLES.map(([category, title]) => {
    const rows = features
      .filter((feature) => feature.category === category)
      .map(({ name, criu, since, neededFor, without }) => `| \`${name}\`${criu ? '' : ' *'} | ${since} | ${cell(neededFor)} | ${cell(without)} |`);
    return `## ${title}\n\n| Feature | Since | Needed for | Where it is missing |\n|---|---|---|---|\n${rows.join('\n')}\n`;
  });
  return `# What criu-ts needs of the kernel\n\nMade from the table behind \`criu-ts check\`, which tries each of them on your host. Names marked * are ours; the others are those\nof \`criu check --feature\`. "Since" is the first kernel that has it, or the option that it is built with.\n\n${sections.join('\n')}`;
}

const cell = (text: string): string => text.replaceAll('|', '\\|');
